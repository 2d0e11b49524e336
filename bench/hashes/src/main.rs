//! Argon2id with our parameters by every library that may be had, each in one thread.
//!
//! `hashes` takes turns and prints, for each, its name and the median of the thread's CPU time in nanoseconds, with a tab
//! between them. `hashes NAME COUNT` only hashes, for a profiler. What is here is foreign: a part of it is C, so `unsafe`,
//! which the workspace forbids, is allowed.

use std::process::ExitCode;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use argon2_rust as simd;
use rustix::time::{ClockId, clock_gettime};

/// OWASP's second set, as `auth::HashParameters::DEFAULT`.
const KIB: u32 = 19_456;
const PASSES: u32 = 2;
const PASSWORD: &[u8] = b"correct horse battery staple 42";
const SALT: &[u8; 16] = &[7; 16];
type Tag = [u8; 32];

const ROUNDS: usize = 31;
/// The first of a turn is not counted: it brings the memory into the cache.
const PER_TURN: usize = 3;

struct Library {
    name: String,
    hash: Box<dyn FnMut() -> Result<Tag, String>>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome = match (arguments.next(), arguments.next().and_then(|count| count.parse().ok())) {
        (None, _) => take_turns(),
        (Some(name), Some(count)) => only(&name, count),
        (Some(_), None) => Err("say how many".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hashes: {error}");
            ExitCode::FAILURE
        }
    }
}

fn take_turns() -> Result<(), String> {
    let mut libraries = libraries()?;
    let mut tags = Vec::new();
    for library in &mut libraries {
        tags.push((library.hash)()?);
    }
    if let Some(odd) = tags.iter().position(|tag| *tag != tags[0]) {
        return Err(format!("{} and {} do not agree", libraries[0].name, libraries[odd].name));
    }
    let mut times = vec![Vec::new(); libraries.len()];
    for _ in 0..ROUNDS {
        for (library, times) in libraries.iter_mut().zip(&mut times) {
            for turn in 0..PER_TURN {
                let before = cpu_nanos();
                (library.hash)()?;
                if turn > 0 {
                    times.push(cpu_nanos() - before);
                }
            }
        }
    }
    for (library, times) in libraries.iter().zip(&mut times) {
        times.sort_unstable();
        println!("{}\t{}", library.name, times[times.len() / 2]);
    }
    Ok(())
}

fn only(name: &str, count: usize) -> Result<(), String> {
    let mut libraries = libraries()?;
    let library = libraries.iter_mut().find(|library| library.name == name);
    let library = library.ok_or_else(|| format!("there is no {name}"))?;
    (0..count).try_for_each(|_| (library.hash)().map(drop))
}

fn cpu_nanos() -> i64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

fn libraries() -> Result<Vec<Library>, String> {
    let mut libraries = vec![
        ours("as the functions do: reused huge pages, wiped", huge_pages::vec(KIB as usize, Block::default()), true)?,
        ours("reused ordinary pages", vec![Block::default(); KIB as usize], false)?,
        ours_allocating()?,
    ];
    #[cfg(target_arch = "x86_64")]
    libraries.extend([
        c("opt.c -mavx2, reused huge pages", reference_avx2, true),
        c("opt.c -mavx2, as it allocates", reference_avx2, false),
        c("opt.c -march=native, reused huge pages", reference_native, true),
    ]);
    libraries.push(c("ref.c, as it allocates", reference_ref, false));
    libraries.push(simd_pooled()?);
    #[cfg(target_arch = "x86_64")]
    libraries.push(simd_avx2()?);
    libraries.push(libsodium()?);
    libraries.push(rust_argon2());
    Ok(libraries)
}

fn params() -> Result<Params, String> {
    Params::new(KIB, PASSES, 1, Some(size_of::<Tag>())).map_err(|error| error.to_string())
}

fn ours(what: &str, mut memory: Vec<Block>, wipe: bool) -> Result<Library, String> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?);
    Ok(Library {
        name: format!("argon2 {}, {what}", env!("VERSION_argon2")),
        hash: Box::new(move || {
            let mut tag = Tag::default();
            let outcome = argon2.hash_password_into_with_memory(PASSWORD, SALT, &mut tag, &mut memory);
            if wipe {
                memory.iter_mut().for_each(|block| block.as_mut().fill(0));
            }
            outcome.map(|()| tag).map_err(|error| error.to_string())
        }),
    })
}

fn ours_allocating() -> Result<Library, String> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?);
    Ok(Library {
        name: format!("argon2 {}, allocating", env!("VERSION_argon2")),
        hash: Box::new(move || {
            let mut tag = Tag::default();
            argon2.hash_password_into(PASSWORD, SALT, &mut tag).map(|()| tag).map_err(|error| error.to_string())
        }),
    })
}

type Reference = unsafe extern "C" fn(*mut u8, u32, u32, *const u8, u32, *const u8, u32, *mut u8, u32) -> i32;

// src/reference.c, once for each build of the sources (build.rs).
unsafe extern "C" {
    fn reference_ref(
        memory: *mut u8,
        kib: u32,
        passes: u32,
        password: *const u8,
        password_bytes: u32,
        salt: *const u8,
        salt_bytes: u32,
        tag: *mut u8,
        tag_bytes: u32,
    ) -> i32;
}
#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    fn reference_avx2(
        _: *mut u8,
        _: u32,
        _: u32,
        _: *const u8,
        _: u32,
        _: *const u8,
        _: u32,
        _: *mut u8,
        _: u32,
    ) -> i32;
    fn reference_native(
        _: *mut u8,
        _: u32,
        _: u32,
        _: *const u8,
        _: u32,
        _: *const u8,
        _: u32,
        _: *mut u8,
        _: u32,
    ) -> i32;
}

fn c(what: &str, reference: Reference, in_huge_pages: bool) -> Library {
    let mut memory = if in_huge_pages { huge_pages::vec(KIB as usize, Block::default()) } else { Vec::new() };
    Library {
        name: format!("C reference, {what}"),
        hash: Box::new(move || {
            let mut tag = Tag::default();
            let memory = if in_huge_pages { memory.as_mut_ptr().cast() } else { std::ptr::null_mut() };
            let (password, salt) = (PASSWORD.as_ptr(), SALT.as_ptr());
            let [password_bytes, salt_bytes, tag_bytes] = [PASSWORD.len(), SALT.len(), tag.len()].map(|len| len as u32);
            // SAFETY: each pointer is to as many bytes as are said, and the memory, where it is lent, to `KIB` blocks.
            let code = unsafe {
                reference(memory, KIB, PASSES, password, password_bytes, salt, salt_bytes, tag.as_mut_ptr(), tag_bytes)
            };
            if code == 0 { Ok(tag) } else { Err(format!("the C reference fails with {code}")) }
        }),
    }
}

fn simd_params() -> Result<simd::Params, String> {
    let params = simd::Params::builder().memory(simd::params::Memory::kib(KIB.into())).passes(PASSES).lanes(1).build();
    params.map_err(|error| error.to_string())
}

fn simd_pooled() -> Result<Library, String> {
    let mut hasher = simd::Argon2::new(simd::Algorithm::Argon2id, simd::Version::V0x13, simd_params()?).hasher();
    let (version, backend) = (env!("VERSION_argon2_rust"), simd::detected_backend());
    Ok(Library {
        name: format!("argon2-rust {version}, {backend}, pooled"),
        hash: Box::new(move || {
            let mut tag = Tag::default();
            hasher.hash_into(PASSWORD, SALT, &mut tag).map(|()| tag).map_err(|error| error.to_string())
        }),
    })
}

/// What the crate does where there is no AVX-512. It has no public way to ask for that.
#[cfg(target_arch = "x86_64")]
fn simd_avx2() -> Result<Library, String> {
    use simd::__internal::{Instance, Workspace, fill_first_blocks, fill_memory_blocks_traced, finalize, initial_hash};
    use simd::{Algorithm::Argon2id, Backend::Avx2, Error, Version::V0x13};
    let (params, mut workspace) = (simd_params()?, Workspace::new());
    let mut hash = move || {
        let mut tag = Tag::default();
        let mut arena = workspace.acquire_owned(params.memory_blocks() as usize)?;
        let mut seed = initial_hash(Argon2id, V0x13, &params, PASSWORD, SALT, &[], &[])?;
        fill_first_blocks(&mut seed, arena.as_mut_slice(), params.lanes(), params.lane_length())?;
        // SAFETY: the arena outlives the instance and is of the size that the parameters ask for.
        let instance = unsafe { Instance::new(arena.as_mut_ptr(), arena.len(), Argon2id, V0x13, &params) };
        // SAFETY: the processor has AVX2, as was asked below, and nobody else has the arena.
        unsafe { fill_memory_blocks_traced(&instance, Avx2, None)? };
        finalize(&instance, &mut tag)?;
        workspace.release(arena);
        Ok::<_, Error>(tag)
    };
    Ok(Library {
        name: format!("argon2-rust {}, avx2, pooled", env!("VERSION_argon2_rust")),
        hash: Box::new(move || {
            if !Avx2.is_available() {
                return Err("this processor has no AVX2".to_owned());
            }
            hash().map_err(|error| error.to_string())
        }),
    })
}

fn libsodium() -> Result<Library, String> {
    use libsodium_rs::crypto_pwhash::{ALG_ARGON2ID13, pwhash};
    Ok(Library {
        name: format!("libsodium {}", libsodium_rs::version::version_string()),
        hash: Box::new(|| {
            let bytes = KIB as usize * 1024;
            let tag = pwhash(size_of::<Tag>(), PASSWORD, SALT, PASSES.into(), bytes, ALG_ARGON2ID13);
            tag.map_err(|error| error.to_string())?
                .try_into()
                .map_err(|_| "libsodium's tag has another length".to_owned())
        }),
    })
}

fn rust_argon2() -> Library {
    Library {
        name: format!("rust-argon2 {}", env!("VERSION_rust_argon2")),
        hash: Box::new(|| {
            let config = rust_argon2::Config {
                variant: rust_argon2::Variant::Argon2id,
                version: rust_argon2::Version::Version13,
                mem_cost: KIB,
                time_cost: PASSES,
                lanes: 1,
                hash_length: size_of::<Tag>() as u32,
                ..rust_argon2::Config::default()
            };
            let tag = rust_argon2::hash_raw(PASSWORD, SALT, &config).map_err(|error| error.to_string())?;
            tag.try_into().map_err(|_| "rust-argon2's tag has another length".to_owned())
        }),
    }
}
