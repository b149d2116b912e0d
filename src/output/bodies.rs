#![expect(clippy::disallowed_methods, reason = "the files of bodies are written here, in the worker")]
//! Bodies as files, named by what is in them.
//!
//! Does not know which rows stand: a body whose row was lost stays, and is found again when its line is done again.
//!
//! Invariants:
//! - a file of a body is there in full or not at all, whoever dies;
//! - no host, type or content leads out of the folder.
//!
//! `HOST/HASH.EXT`. What is being written stands in a folder of its own, so that what a dead worker has left is found
//! without looking through those of all hosts.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::digest::DIGEST_PREFIX;

/// Holds what is being written. No host begins with a dot.
const PARTIAL: &str = ".partial";

/// The longest name of a file on the usual file systems.
const LONGEST_NAME: usize = 255;

/// The extension where a type has none here.
const ANY: &str = "bin";

/// Extensions of media types, those that crawls meet.
const EXTENSIONS: &[(&str, &str)] = &[
    ("application/atom+xml", "xml"),
    ("application/gzip", "gz"),
    ("application/javascript", "js"),
    ("application/json", "json"),
    ("application/ld+json", "json"),
    ("application/msword", "doc"),
    ("application/ogg", "ogg"),
    ("application/pdf", "pdf"),
    ("application/rss+xml", "xml"),
    ("application/rtf", "rtf"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.ms-powerpoint", "ppt"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/wasm", "wasm"),
    ("application/x-gzip", "gz"),
    ("application/x-javascript", "js"),
    ("application/xhtml+xml", "xhtml"),
    ("application/xml", "xml"),
    ("application/zip", "zip"),
    ("audio/mpeg", "mp3"),
    ("audio/ogg", "ogg"),
    ("audio/wav", "wav"),
    ("font/woff", "woff"),
    ("font/woff2", "woff2"),
    ("image/avif", "avif"),
    ("image/bmp", "bmp"),
    ("image/gif", "gif"),
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/svg+xml", "svg"),
    ("image/tiff", "tiff"),
    ("image/vnd.microsoft.icon", "ico"),
    ("image/webp", "webp"),
    ("image/x-icon", "ico"),
    ("text/css", "css"),
    ("text/csv", "csv"),
    ("text/html", "html"),
    ("text/javascript", "js"),
    ("text/markdown", "md"),
    ("text/plain", "txt"),
    ("text/xml", "xml"),
    ("video/mp4", "mp4"),
    ("video/mpeg", "mpeg"),
    ("video/webm", "webm"),
];

/// What this process has begun to write, so that no two are written under one name.
static N_BEGUN: AtomicU64 = AtomicU64::new(0);

/// Keeps bodies for the life of a worker.
#[derive(Debug)]
pub struct BodyFiles {
    folder: PathBuf,
}

impl BodyFiles {
    /// Keeps them in this folder, which `clear_partial` has made ready.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Keeps the body of a response of `host`, unless it is there.
    ///
    /// # Errors
    /// When it could not be written in full; nothing is there then that was not before.
    pub fn keep(&self, host: &str, content_type: Option<&str>, digest: &str, body: &[u8]) -> io::Result<()> {
        let folder = self.folder.join(folder_name(host));
        let path = folder.join(file_name(content_type, digest));
        if is_same(&path, body)? {
            return Ok(());
        }
        let number = N_BEGUN.fetch_add(1, Ordering::Relaxed);
        let partial = self.folder.join(PARTIAL).join(format!("{}-{number}", std::process::id()));
        let kept = write(&partial, body).and_then(|()| move_to(&partial, &folder, &path));
        if kept.is_err() {
            // It is of no use to anyone, and on a full disk its room is.
            let _ = fs::remove_file(&partial);
        }
        kept
    }
}

/// Makes a folder for bodies where there is none, and removes what was not written to its end there.
///
/// # Errors
/// Whatever the system says.
pub fn clear_partial(folder: &Path) -> io::Result<()> {
    remove_partial(folder)?;
    fs::create_dir_all(folder.join(PARTIAL))
}

/// Removes what was not written to its end, and its place.
///
/// # Errors
/// Whatever the system says.
pub fn remove_partial(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder.join(PARTIAL)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The folder of a host: letters, digits, dots, hyphens and underscores, of which the first is no dot.
fn folder_name(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    let mut name: String = host.chars().map(harmless).take(LONGEST_NAME).collect();
    if name.is_empty() || name.starts_with('.') {
        name.insert(0, '_');
        name.truncate(LONGEST_NAME);
    }
    name
}

fn harmless(character: char) -> char {
    match character.to_ascii_lowercase() {
        lower @ ('a'..='z' | '0'..='9' | '.' | '-' | '_') => lower,
        // Of IPv6 addresses.
        ':' => '-',
        _ => '_',
    }
}

fn file_name(content_type: Option<&str>, digest: &str) -> String {
    let hash = digest.strip_prefix(DIGEST_PREFIX).unwrap_or(digest);
    let known = content_type.and_then(|content_type| {
        let place = EXTENSIONS.binary_search_by(|(known, _)| (*known).cmp(content_type)).ok()?;
        Some(EXTENSIONS[place].1)
    });
    format!("{hash}.{}", known.unwrap_or(ANY))
}

/// Whether these bytes are in this file.
fn is_same(path: &Path, body: &[u8]) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() != u64::try_from(body.len()).unwrap_or(u64::MAX) {
        return Ok(false);
    }
    let mut chunk = vec![0; body.len().min(64 * 1024)];
    for expected in body.chunks(chunk.len().max(1)) {
        let read = &mut chunk[..expected.len()];
        match file.read_exact(read) {
            Ok(()) if *read == *expected => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn write(path: &Path, body: &[u8]) -> io::Result<()> {
    File::create(path)?.write_all(body)
}

/// Moves a file into a folder that may not be there yet.
fn move_to(from: &Path, folder: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            match fs::create_dir(folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            fs::rename(from, to)
        }
        moved => moved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha1_digest;

    fn files_in(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for host in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            for file in fs::read_dir(&host).unwrap() {
                found.push(file.unwrap().path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
        found.sort();
        found
    }

    fn keep(files: &BodyFiles, host: &str, content_type: Option<&str>, body: &[u8]) {
        files.keep(host, content_type, &sha1_digest(body), body).unwrap();
    }

    #[test]
    fn a_body_is_found_by_its_host_and_its_content() {
        let scratch = tempfile::tempdir().unwrap();
        clear_partial(scratch.path()).unwrap();
        let files = BodyFiles::new(scratch.path().to_owned());
        for _ in 0..2 {
            keep(&files, "h.example", Some("text/html"), b"abc");
            keep(&files, "other", None, b"abc");
        }
        let hash = "VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5";
        let expected = [format!("h.example/{hash}.html"), format!("other/{hash}.bin")];
        assert_eq!(files_in(scratch.path()), expected);
        assert_eq!(fs::read(scratch.path().join(&expected[0])).unwrap(), b"abc");
    }

    #[test]
    fn a_file_that_is_another_is_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        clear_partial(scratch.path()).unwrap();
        let files = BodyFiles::new(scratch.path().to_owned());
        keep(&files, "h", None, b"abc");
        let path = scratch.path().join(&files_in(scratch.path())[0]);
        for damaged in [&b"ab"[..], b"abd", b""] {
            fs::write(&path, damaged).unwrap();
            keep(&files, "h", None, b"abc");
            assert_eq!(fs::read(&path).unwrap(), b"abc");
        }
    }

    #[test]
    fn what_was_not_written_to_its_end_is_removed() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("bodies");
        clear_partial(&folder).unwrap();
        fs::write(folder.join(PARTIAL).join("1-1"), "half").unwrap();
        clear_partial(&folder).unwrap();
        assert_eq!(files_in(&folder), [""; 0]);
        remove_partial(&folder).unwrap();
        remove_partial(&folder).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_body_that_can_not_be_written_leaves_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        clear_partial(scratch.path()).unwrap();
        fs::write(scratch.path().join("h"), "no folder").unwrap();
        let files = BodyFiles::new(scratch.path().to_owned());
        files.keep("h", None, "sha1:X", b"abc").unwrap_err();
        assert_eq!(fs::read_dir(scratch.path().join(PARTIAL)).unwrap().count(), 0);
    }

    #[test]
    fn no_host_leads_out_of_the_folder() {
        for (host, expected) in [
            ("h.example", "h.example"),
            ("H.Example.", "h.example"),
            ("[2001:db8::1]", "2001-db8--1"),
            ("..", "_"),
            (".hidden", "_.hidden"),
            ("a/../b", "a_.._b"),
            ("", "_"),
            ("\u{e9}\0", "__"),
        ] {
            assert_eq!(folder_name(host), expected, "{host}");
        }
        assert_eq!(folder_name(&"x".repeat(300)).len(), LONGEST_NAME);
        assert_eq!(folder_name(&format!(".{}", "x".repeat(300))).len(), LONGEST_NAME);
    }

    #[test]
    fn types_are_in_order_and_have_an_extension() {
        assert!(EXTENSIONS.is_sorted_by(|one, next| one.0 < next.0));
        assert_eq!(file_name(Some("image/png"), "sha1:A"), "A.png");
        assert_eq!(file_name(Some("image/strange"), "sha1:A"), "A.bin");
    }
}
