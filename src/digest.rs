//! The digest of a body as web archives write it.
//!
//! A leaf: does not know what is done with it.

use data_encoding::BASE32;
use sha1::{Digest, Sha1};

/// What each digest begins with.
pub const DIGEST_PREFIX: &str = "sha1:";

/// `sha1:` and the hash in base32 (RFC 4648 section 6), 37 characters in all.
pub fn sha1_digest(bytes: &[u8]) -> String {
    sha1_digest_of(&[bytes])
}

/// The same of these pieces, one after the other.
pub fn sha1_digest_of(pieces: &[&[u8]]) -> String {
    let mut hasher = Sha1::new();
    pieces.iter().for_each(|piece| hasher.update(piece));
    let mut text = String::with_capacity(37);
    text.push_str(DIGEST_PREFIX);
    BASE32.encode_append(&hasher.finalize(), &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hashes are those of FIPS 180 examples, in base32.
    #[test]
    fn known_bytes_have_known_digests() {
        assert_eq!(sha1_digest(b""), "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ");
        assert_eq!(sha1_digest(b"abc"), "sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5");
        assert_eq!(sha1_digest_of(&[b"a", b"", b"bc"]), sha1_digest(b"abc"));
    }
}
