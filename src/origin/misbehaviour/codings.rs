//! Bodies with a content coding: wrong, broken, nested, and small ones that unpack to very much.
//!
//! Sends them whether or not the client asked for a coding. Does not know how a client unpacks.

use std::io::Write;

use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flate2::{Compress, Compression, Crc, FlushCompress};

use super::entry::{say, say_made};
use crate::origin::answer::WRITES_TO_MEMORY;
use crate::origin::endpoint::Endpoint;

/// What the bombs are made of.
const MEBIBYTE: usize = 1024 * 1024;

pub(super) static ENDPOINTS: &[Endpoint] = &[
    say(
        "/bad/gzplain",
        "says gzip, and the body is plain",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    ),
    say_made("/bad/gztrunc", "a gzip body that is cut before its end, with the length that it has", |out| {
        let whole = gzip(b"hello, and more after it");
        write_coded(out, "gzip", &whole[..whole.len() / 2]);
    }),
    say_made("/bad/gztail", "a gzip body with bytes after its end that are no gzip", |out| {
        write_coded(out, "gzip", &[&gzip(b"hello")[..], b"and a tail"].concat());
    }),
    say_made("/bad/gz2mem", "a gzip body of two members", |out| {
        write_coded(out, "gzip", &[gzip(b"hello"), gzip(b"world")].concat());
    }),
    say_made("/bad/gzgz", "a body in gzip twice, and says so", |out| {
        write_coded(out, "gzip, gzip", &gzip(&gzip(b"hello")));
    }),
    say_made("/bad/rawdeflate", "says deflate, and the body is a bare deflate stream", |out| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"hello").expect(WRITES_TO_MEMORY);
        write_coded(out, "deflate", &encoder.finish().expect(WRITES_TO_MEMORY));
    }),
    say_made("/bad/zdeflate", "says deflate, and the body is in zlib's format, as it should be", |out| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"hello").expect(WRITES_TO_MEMORY);
        write_coded(out, "deflate", &encoder.finish().expect(WRITES_TO_MEMORY));
    }),
    say_made("/bad/xgzip", "gzip by its old name", |out| write_coded(out, "x-gzip", &gzip(b"hello"))),
    say(
        "/bad/unkenc",
        "says foo, and the body is plain",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: foo\r\nContent-Length: 5\r\n\r\nhello",
    ),
    say_made("/bad/gzbomb", "200 MiB of zeros in gzip", |out| write_coded(out, "gzip", &gzip_zeros(200))),
    say_made("/bad/zsbomb", "64 MiB of zeros in zstd, which takes them in 2 KiB", |out| {
        write_coded(out, "zstd", &zstd_zeros(64));
    }),
    say_made("/bad/brbomb", "64 MiB of zeros in brotli, which takes them in 58 bytes", |out| {
        write_coded(out, "br", &brotli_zeros(64));
    }),
];

fn write_coded(out: &mut Vec<u8>, coding: &str, body: &[u8]) {
    write!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .expect(WRITES_TO_MEMORY);
    out.extend_from_slice(body);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect(WRITES_TO_MEMORY);
    encoder.finish().expect(WRITES_TO_MEMORY)
}

/// One gzip member (RFC 1952) of zeros.
///
/// Packing them all would keep the server busy for long. After a full flush the deflate stream is at a byte and
/// refers to nothing before it, so one packed mebibyte stands for each of the others too.
fn gzip_zeros(n_mebibytes: u32) -> Vec<u8> {
    let zeros = vec![0; MEBIBYTE];
    let mut unit = Vec::with_capacity(4096);
    Compress::new(Compression::default(), false)
        .compress_vec(&zeros, &mut unit, FlushCompress::Full)
        .expect("deflate takes any bytes");
    let mut crc_of_unit = Crc::new();
    crc_of_unit.update(&zeros);
    let mut crc = Crc::new();
    // Magic number, deflate, no flags, no time, no hint, unknown system.
    let mut member = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    for _ in 0..n_mebibytes {
        member.extend_from_slice(&unit);
        crc.combine(&crc_of_unit);
    }
    // The last block, empty, in the fixed code.
    member.extend_from_slice(b"\x03\0");
    member.extend_from_slice(&crc.sum().to_le_bytes());
    member.extend_from_slice(&crc.amount().to_le_bytes());
    member
}

/// One zstd frame (RFC 8878) of zeros: each block says of 128 KiB, the most that it may, that they are one byte
/// repeated.
fn zstd_zeros(n_mebibytes: u32) -> Vec<u8> {
    const BLOCK: u32 = 128 * 1024;
    const REPEATED: u32 = 1 << 1;
    let n_blocks = n_mebibytes * (MEBIBYTE as u32 / BLOCK);
    // Magic number, no flags, a window of 1 MiB.
    let mut frame = b"\x28\xb5\x2f\xfd\x00\x50".to_vec();
    for nth in 1..=n_blocks {
        let header = BLOCK << 3 | REPEATED | u32::from(nth == n_blocks);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// One brotli stream (RFC 7932) of zeros, for a multiple of 16 MiB.
///
/// The bits were put together by hand, from the lowest of each byte: a meta-block of 2^24 bytes with one code of one
/// symbol in each of its three trees, which costs no bit where it is used, and with one command: insert one literal,
/// which is 0, then copy 2^24 - 1 bytes from a distance of 1. An empty meta-block after it fills the last byte, so
/// that the next one begins at a byte.
fn brotli_zeros(n_mebibytes: usize) -> Vec<u8> {
    const META_BLOCK: [u8; 14] =
        [0xfc, 0xff, 0xff, 0x07, 0x00, 0x02, 0x20, 0x1e, 0x0b, 0x28, 0xf7, 0xfe, 0x9f, 0x01];
    // A window of 64 KiB and an empty meta-block before, the last and empty meta-block after.
    [&[0x0c][..], &META_BLOCK.repeat(n_mebibytes / 16), &[0x03]].concat()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};

    use super::super::Act;
    use super::*;
    use crate::origin::endpoint::Handler;

    /// Reads to the end, and says how many zeros there were; all else is a failure.
    fn count_zeros(mut reader: impl Read) -> usize {
        let mut buffer = vec![1; 64 * 1024];
        let mut n_zeros = 0;
        loop {
            let n_read = reader.read(&mut buffer).unwrap();
            if n_read == 0 {
                return n_zeros;
            }
            assert!(buffer[..n_read].iter().all(|byte| *byte == 0));
            n_zeros += n_read;
        }
    }

    #[test]
    fn a_bomb_is_small_and_valid() {
        // Few enough for a debug build; each mebibyte is made as the others are.
        let gzip = gzip_zeros(3);
        assert_eq!(count_zeros(GzDecoder::new(&gzip[..])), 3 * MEBIBYTE);
        let zstd = zstd_zeros(3);
        assert_eq!(count_zeros(zstd::Decoder::new(&zstd[..]).unwrap()), 3 * MEBIBYTE);
        assert!(gzip_zeros(200).len() < 300_000 && zstd_zeros(64).len() < 2100);
        assert_eq!(brotli_zeros(64).len(), 58);
    }

    #[test]
    fn bodies_are_in_the_formats_that_the_catalogue_names() {
        fn body(path: &str) -> Vec<u8> {
            let mut response = Vec::new();
            let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.name == path).unwrap();
            let Handler::Act(Act::SayMade(write)) = endpoint.handler else { panic!("{path} is not made") };
            write(&mut response);
            response.split_off(memchr::memmem::find(&response, b"\r\n\r\n").unwrap() + 4)
        }
        fn text(mut reader: impl Read) -> String {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        }
        assert_eq!(text(GzDecoder::new(&body("/bad/xgzip")[..])), "hello");
        assert_eq!(text(GzDecoder::new(GzDecoder::new(&body("/bad/gzgz")[..]))), "hello");
        assert_eq!(text(flate2::read::MultiGzDecoder::new(&body("/bad/gz2mem")[..])), "helloworld");
        assert_eq!(text(GzDecoder::new(&body("/bad/gztail")[..])), "hello");
        assert_eq!(text(DeflateDecoder::new(&body("/bad/rawdeflate")[..])), "hello");
        assert_eq!(text(ZlibDecoder::new(&body("/bad/zdeflate")[..])), "hello");
        let cut = GzDecoder::new(&body("/bad/gztrunc")[..]).read_to_end(&mut Vec::new());
        assert_eq!(cut.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    }
}
