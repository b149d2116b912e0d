//! Gives the build its number: a hash of what it is made from.
//!
//! Two processes speak with each other only if they are the same build, so the number must follow the sources.
//! Knows no version control and no clock: the same files give the same number anywhere.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The start value and the multiplier of the 64-bit FNV-1a hash, as its definition gives them.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

fn main() -> io::Result<()> {
    let mut files = vec![PathBuf::from("Cargo.toml")];
    // A packaged library may come without its lock file.
    if Path::new("Cargo.lock").exists() {
        files.push(PathBuf::from("Cargo.lock"));
    }
    collect_files(Path::new("src"), &mut files)?;
    files.sort();

    let mut hash = FNV_OFFSET;
    for file in &files {
        // The path is hashed too, so that bytes that move from one file to the next make another build.
        hash = fnv1a(hash, file.as_os_str().as_encoded_bytes());
        hash = fnv1a(hash, &fs::read(file)?);
    }

    println!("cargo:rustc-env=MYRIAPOD_BUILD_ID={hash:016x}");
    for watched in ["src", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={watched}");
    }
    Ok(())
}

fn collect_files(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect_files(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
}
