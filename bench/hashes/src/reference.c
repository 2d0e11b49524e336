/* One hash by the C reference, in memory of the caller's or, if that is NULL, as it allocates by itself. */

#include "argon2.h"

static uint8_t *callers;

static int lend(uint8_t **memory, size_t bytes) {
    (void)bytes;
    *memory = callers;
    return ARGON2_OK;
}

static void take_back(uint8_t *memory, size_t bytes) {
    (void)memory;
    (void)bytes;
}

int REFERENCE(uint8_t *memory, uint32_t kib, uint32_t passes, const uint8_t *password, uint32_t password_bytes,
              const uint8_t *salt, uint32_t salt_bytes, uint8_t *tag, uint32_t tag_bytes) {
    argon2_context context = {0};
    context.out = tag;
    context.outlen = tag_bytes;
    context.pwd = (uint8_t *)password;
    context.pwdlen = password_bytes;
    context.salt = (uint8_t *)salt;
    context.saltlen = salt_bytes;
    context.t_cost = passes;
    context.m_cost = kib;
    context.lanes = 1;
    context.threads = 1;
    context.version = ARGON2_VERSION_13;
    if (memory) {
        callers = memory;
        context.allocate_cbk = lend;
        context.free_cbk = take_back;
    }
    return argon2id_ctx(&context);
}
