//! The C reference, several times: its two kernels, and flags that its own Makefile leaves to who builds it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn main() -> Result<(), String> {
    let packages = packages()?;
    for name in ["argon2", "argon2-rust", "rust-argon2"] {
        let version = package(&packages, name)?["version"].as_str().unwrap_or_default();
        println!("cargo::rustc-env=VERSION_{}={version}", name.replace('-', "_"));
    }
    let manifest = package(&packages, "argon2-sys")?["manifest_path"].as_str().unwrap_or_default();
    let sources = PathBuf::from(manifest).with_file_name("argon2");

    reference(&sources, "ref", "ref.c", &[]);
    if variable("CARGO_CFG_TARGET_ARCH")? == "x86_64" {
        reference(&sources, "avx2", "opt.c", &["-mavx2"]);
        reference(&sources, "native", "opt.c", &["-march=native"]);
    }
    println!("cargo::rerun-if-changed=src/reference.c");
    println!("cargo::rerun-if-changed=Cargo.lock");
    Ok(())
}

/// Compiles the sources with this kernel. What they export gets names of this build alone: one program holds them all.
fn reference(sources: &Path, name: &str, kernel: &str, flags: &[&str]) {
    let mut build = cc::Build::new();
    build.include(sources.join("include")).include(sources.join("src")).warnings(false).opt_level(3);
    // One lane takes one thread either way.
    build.define("ARGON2_NO_THREADS", None).define("REFERENCE", &*format!("reference_{name}"));
    for symbol in EXPORTED {
        build.define(symbol, &*format!("{name}_{symbol}"));
    }
    for flag in flags {
        build.flag(flag);
    }
    for file in ["argon2.c", "core.c", "encoding.c", "blake2/blake2b.c", kernel] {
        build.file(sources.join("src").join(file));
    }
    build.file("src/reference.c").compile(&format!("reference_{name}"));
}

/// A name that is missing here is told by the linker, as defined more than once.
#[rustfmt::skip]
const EXPORTED: [&str; 51] = [
    "FLAG_clear_internal_memory", "allocate_memory", "argon2_ctx", "argon2_encodedlen", "argon2_error_message",
    "argon2_hash", "argon2_type2string", "argon2_verify", "argon2_verify_ctx", "argon2d_ctx", "argon2d_hash_encoded",
    "argon2d_hash_raw", "argon2d_verify", "argon2d_verify_ctx", "argon2i_ctx", "argon2i_hash_encoded",
    "argon2i_hash_raw", "argon2i_verify", "argon2i_verify_ctx", "argon2id_ctx", "argon2id_hash_encoded",
    "argon2id_hash_raw", "argon2id_verify", "argon2id_verify_ctx", "b64len", "blake2b", "blake2b_final",
    "blake2b_init", "blake2b_init_key", "blake2b_init_param", "blake2b_long", "blake2b_update",
    "clear_internal_memory", "copy_block", "decode_string", "encode_string", "fill_first_blocks",
    "fill_memory_blocks", "fill_segment", "finalize", "free_memory", "index_alpha", "init_block_value",
    "initial_hash", "initialize", "numlen", "secure_wipe_memory", "validate_inputs", "xor_block",
    "argon2_thread_create", "argon2_thread_join",
];

fn packages() -> Result<Vec<Value>, String> {
    let mut command = Command::new(variable("CARGO")?);
    command.args(["metadata", "--format-version", "1", "--offline", "--filter-platform", &variable("TARGET")?]);
    let output = command.output().map_err(|error| format!("cargo metadata: {error}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata: {error}: {}", String::from_utf8_lossy(&output.stderr)))?;
    metadata["packages"].as_array().cloned().ok_or_else(|| "cargo metadata lists no packages".to_owned())
}

fn package<'a>(packages: &'a [Value], name: &str) -> Result<&'a Value, String> {
    packages.iter().find(|package| package["name"] == name).ok_or_else(|| format!("there is no package {name}"))
}

/// Cargo speaks to a build script by its environment.
#[allow(clippy::disallowed_methods)]
fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|error| format!("{name}: {error}"))
}
