//! Bodies of every coding, good and bad, in one piece and in many.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::*;

/// More than any test decodes.
const ROOMY: u64 = 1 << 30;

/// How a body ended: cut or whole, or with a fault.
type End = Result<Pushed, DecodeError>;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bare(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::bulk::compress(bytes, 3).unwrap()
}

/// A `br` stream of stored blocks (RFC 7932 section 9.2), which is all that a test needs to write.
fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    // A window of 64 KiB is one zero bit, and each block begins at the next byte but for it.
    let mut shift = 1;
    for block in bytes.chunks(1 << 16) {
        // Not the last, a length of four nibbles, less one; stored.
        let header = u32::try_from(block.len() - 1).unwrap() << 3 | 1 << 19;
        coded.extend_from_slice(&(header << shift).to_le_bytes()[..3]);
        coded.extend_from_slice(block);
        shift = 0;
    }
    // The last block, and empty.
    coded.push(0b11 << shift);
    coded
}

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// 64 MiB of zeros with a window of 16 MiB.
fn brotli_bomb() -> Vec<u8> {
    hex(
        "cfffff7ff82700e2b14020f7fe9ffffffff04f00c4610180eefd3fffffffe19f0088c32200ddfbfffcffffc73f0110870500\
         baf7ff",
    )
}

/// 64 MiB of zeros with the 'large window' that is no part of the format.
fn brotli_large_window() -> Vec<u8> {
    hex(
        "111affffffe19f0088c70201b9f7fffcffff877f02200e0b00e8defff3ffff1ffe0980382c00a07bff9ffffffff82700e2b0\
         0080eefd3f",
    )
}

/// A frame that asks for a window of this size, and holds one byte.
fn zstd_with_window(log: u8) -> Vec<u8> {
    [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, (log - 10) << 3][..], &[0x09, 0x00, 0x00, b'x']].concat()
}

fn decode(codings: &[Coding], limit: u64, pieces: &[&[u8]]) -> (Bytes, End) {
    let mut body = Body::new(limit, codings);
    for piece in pieces {
        match body.push(Bytes::copy_from_slice(piece), None) {
            Ok(Pushed::Whole) => {}
            end => return (body.into_content().bytes(), end),
        }
    }
    let end = body.finish().map(|()| Pushed::Whole);
    (body.into_content().bytes(), end)
}

/// Decodes in one piece and byte by byte.
#[track_caller]
fn check(codings: &[Coding], coded: &[u8], expected: &[u8]) {
    let shown = format!("{codings:?} {}", coded[..coded.len().min(40)].escape_ascii());
    let bytes: Vec<&[u8]> = coded.chunks(1).collect();
    for pieces in [&[coded][..], &bytes, &[b"", coded, b""]] {
        let (body, end) = decode(codings, ROOMY, pieces);
        assert_eq!((body.as_ref(), end), (expected, Ok(Pushed::Whole)), "{shown}");
    }
}

#[track_caller]
fn check_fault(codings: &[Coding], coded: &[u8], kept: &[u8], expected: &str) {
    let bytes: Vec<&[u8]> = coded.chunks(1).collect();
    for pieces in [&[coded][..], &bytes] {
        let (body, end) = decode(codings, ROOMY, pieces);
        let text = end.expect_err("it is bad").to_string();
        assert!(text.starts_with(expected), "{text:?} is not {expected:?}");
        assert_eq!(body, kept, "{text}");
    }
}

#[test]
fn every_coding_is_undone() {
    for text in [&b""[..], b"x", b"hello", &b"a page ".repeat(5_000)] {
        check(&[Coding::Gzip], &gzip(text), text);
        check(&[Coding::Deflate], &zlib(text), text);
        check(&[Coding::Deflate], &bare(text), text);
        check(&[Coding::Brotli], &brotli(text), text);
        check(&[Coding::Zstd], &zstd(text), text);
        check(&[], text, text);
    }
    check(
        &[Coding::Brotli],
        &hex("1b3600f805ca6d7d251d7d21ad3585c9848707b16950441e85d40158e469c998643f7f5d7c5864312dd900"),
        b"hello hello hello hello, brotli of a page: hello hello\n",
    );
}

#[test]
fn the_wrappings_of_one_method_are_told_apart_by_their_beginning() {
    check(&[Coding::Gzip], &zlib(b"hello"), b"hello");
    check(&[Coding::Deflate], &gzip(b"hello"), b"hello");
    check_fault(&[Coding::Gzip], &bare(b"hello"), b"", "the body is not gzip, although its head says so");
}

#[test]
fn no_body_at_all_is_a_body() {
    for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd] {
        check(&[coding], b"", b"");
        check(&[coding, Coding::Gzip], b"", b"");
    }
    check(&[Coding::Gzip, Coding::Brotli], &gzip(b""), b"");
}

#[test]
fn codings_are_undone_one_after_the_other() {
    let text = b"a page ".repeat(5_000);
    check(&[Coding::Gzip, Coding::Gzip], &gzip(&gzip(b"hello")), b"hello");
    check(&[Coding::Zstd, Coding::Brotli], &zstd(&brotli(&text)), &text);
    check(&[Coding::Brotli, Coding::Deflate], &brotli(&zlib(&text)), &text);
    check_fault(&[Coding::Gzip, Coding::Gzip], &gzip(b"hello"), b"", "the body is not gzip");
    let inner = gzip(b"hello");
    check_fault(
        &[Coding::Zstd, Coding::Gzip],
        &zstd(&inner[..inner.len() - 1]),
        b"hello",
        "the gzip data ends",
    );
}

#[test]
fn members_and_frames_follow_each_other() {
    let join = |parts: &[&[u8]]| parts.concat();
    check(&[Coding::Gzip], &join(&[&gzip(b"hello"), &gzip(b""), &gzip(b"world")]), b"helloworld");
    let skippable = b"\x53\x2a\x4d\x18\x02\0\0\0..";
    check(&[Coding::Zstd], &join(&[skippable, &zstd(b"hello"), skippable, &zstd(b"world")]), b"helloworld");
    check_fault(
        &[Coding::Gzip],
        &join(&[&gzip(b"hello"), b"\x1f\x8bno more of it"]),
        b"hello",
        "bad gzip data: ",
    );
}

#[test]
fn what_follows_the_end_is_ignored() {
    for tail in [&b"\0"[..], b"\x1f", b"\0\0\0\0", b"<!-- cached -->"] {
        check(&[Coding::Gzip], &[&gzip(b"hello"), tail].concat(), b"hello");
        check(&[Coding::Deflate], &[&zlib(b"hello"), tail].concat(), b"hello");
        check(&[Coding::Deflate], &[&bare(b"hello"), tail].concat(), b"hello");
        check(&[Coding::Brotli], &[&brotli(b"hello"), tail].concat(), b"hello");
        check(&[Coding::Zstd], &[&zstd(b"hello"), tail].concat(), b"hello");
    }
}

#[test]
fn a_stream_that_breaks_off_keeps_what_came_of_it() {
    let text = b"hello";
    for (coding, coded, name) in [
        (Coding::Gzip, gzip(text), "gzip"),
        (Coding::Deflate, zlib(text), "deflate"),
        (Coding::Deflate, bare(text), "deflate"),
        (Coding::Brotli, brotli(text), "br"),
        (Coding::Zstd, zstd(text), "zstd"),
    ] {
        for length in 1..coded.len() {
            let (body, end) = decode(&[coding], ROOMY, &[&coded[..length]]);
            assert_eq!(end, Err(DecodeError::BrokenOff { coding: name }), "{name} of {length}");
            assert!(text.starts_with(&body), "{name} of {length}");
        }
    }
    let coded = gzip(text);
    check_fault(&[Coding::Gzip], &coded[..coded.len() - 8], b"hello", "the gzip data ends in its middle");
}

#[test]
fn what_makes_no_sense_is_a_fault() {
    let mut wrong_sum = gzip(b"hello");
    *wrong_sum.last_mut().unwrap() ^= 1;
    check_fault(&[Coding::Gzip], &wrong_sum, b"hello", "bad gzip data: incorrect length check");
    check_fault(&[Coding::Gzip], b"<html>", b"", "the body is not gzip, although its head says so");
    check_fault(&[Coding::Deflate], b"<html>", b"", "bad deflate data: ");
    check_fault(&[Coding::Brotli], b"<html>", b"", "bad br data: ");
    check_fault(&[Coding::Zstd], b"<html>", b"", "the body is not zstd, although its head says so");
}

#[test]
fn windows_are_no_larger_than_their_coding_allows() {
    check(&[Coding::Zstd], &zstd_with_window(23), b"x");
    check_fault(&[Coding::Zstd], &zstd_with_window(24), b"", "bad zstd data: ");
    check_fault(&[Coding::Brotli], &brotli_large_window(), b"", "bad br data: ");
}

#[test]
fn a_bomb_is_cut_at_the_limit() {
    let zeros = vec![0; 1 << 18];
    let many = |part: Vec<u8>| part.repeat(8);
    let cases = [
        (vec![Coding::Brotli], brotli_bomb()),
        (vec![Coding::Gzip], many(gzip(&zeros))),
        (vec![Coding::Zstd], many(zstd(&zeros))),
        (vec![Coding::Gzip, Coding::Gzip], gzip(&many(gzip(&zeros)))),
        (vec![Coding::Deflate], zlib(&many(zeros))),
    ];
    for (codings, bomb) in cases {
        for limit in [0, 1, 1000, 1 << 19, (1 << 19) + 1] {
            let (body, end) = decode(&codings, limit, &[&bomb]);
            assert_eq!(end, Ok(Pushed::Cut), "{codings:?} at {limit}");
            assert!(u64::try_from(body.len()) == Ok(limit) && body.iter().all(|&byte| byte == 0));
        }
    }
}

#[test]
fn a_long_body_is_held_as_it_came_while_more_is_to_come() {
    let text = vec![b'x'; 4 * MOST_DECODED];
    let coded = gzip(&text);
    let (first, last) = coded.split_at(coded.len() - 3);
    for limit in [ROOMY, 3 * MOST_DECODED as u64] {
        let mut body = Body::new(limit, &[Coding::Gzip]);
        body.push(Bytes::copy_from_slice(first), None).unwrap();
        let whole_came = body.push(Bytes::copy_from_slice(last), None).is_ok();
        assert!(whole_came && body.kept.is_let_go());
        let content = body.into_content();
        assert_eq!(content.bytes(), &text[..content.len()]);
        assert_eq!(content.len() as u64, limit.min(text.len() as u64));
    }
    let mut body = Body::new(ROOMY, &[Coding::Gzip]);
    body.push(coded.into(), Some(0)).unwrap();
    assert!(!body.kept.is_let_go(), "nothing more is to come");
}

#[test]
fn a_stream_that_comes_to_nothing_is_cut_too() {
    let empty_blocks = [&[0x78, 0x9c][..], &[0, 0, 0, 0xff, 0xff].repeat(20_000)].concat();
    let skippable = b"\x50\x2a\x4d\x18\0\0\0\0".repeat(10_000);
    let tail = [gzip(b""), vec![0; 100_000]].concat();
    for (coding, coded) in [(Coding::Deflate, empty_blocks), (Coding::Zstd, skippable), (Coding::Gzip, tail)]
    {
        let (body, end) = decode(&[coding], 10, &[&coded]);
        assert_eq!((body.len(), end), (0, Ok(Pushed::Cut)), "{coding:?}");
    }
    let members = gzip(b"").repeat(10_000);
    let (_, end) = decode(&[Coding::Gzip], ROOMY, &[&members]);
    assert!(end.unwrap_err().to_string().starts_with("bad gzip data: more than"));
}

#[test]
fn an_uncoded_piece_is_not_copied() {
    let piece = Bytes::from(vec![7; 100]);
    let mut body = Body::new(ROOMY, &[]);
    assert_eq!(body.push(piece.clone(), None), Ok(Pushed::Whole));
    assert_eq!(body.into_content().bytes().as_ptr(), piece.as_ptr());
}

fn coding() -> impl Strategy<Value = Coding> {
    prop::sample::select(vec![Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd])
}

fn encode(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Gzip => gzip(bytes),
        Coding::Deflate => bare(bytes),
        Coding::Brotli => brotli(bytes),
        Coding::Zstd => zstd(bytes),
    }
}

/// The bytes in pieces of these lengths, the last of which is repeated.
fn pieces<'b>(mut bytes: &'b [u8], lengths: &[usize]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    let mut lengths = lengths.iter().copied().cycle();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(bytes.len().min(lengths.next().unwrap()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

proptest! {
    #[test]
    fn pieces_and_limit_change_nothing_of_what_is_kept(
        codings in prop::collection::vec(coding(), 0..=2),
        text in prop::collection::vec(any::<u8>(), 0..200),
        times in 1_usize..100,
        limit in 0_u64..30_000,
        lengths in prop::collection::vec(1_usize..5000, 1..5),
    ) {
        let text = text.repeat(times);
        let coded = codings.iter().rev().fold(text.clone(), |bytes, &coding| encode(coding, &bytes));
        let (body, end) = decode(&codings, limit, &pieces(&coded, &lengths));
        let kept = text.len().min(usize::try_from(limit).unwrap());
        prop_assert_eq!(body.as_ref(), &text[..kept]);
        prop_assert_eq!(end, Ok(if text.len() > kept { Pushed::Cut } else { Pushed::Whole }));
    }

    #[test]
    fn no_bytes_break_it(
        codings in prop::collection::vec(coding(), 1..=2),
        text in any::<Vec<u8>>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        limit in 0_u64..1000,
        lengths in prop::collection::vec(1_usize..50, 1..5),
    ) {
        let mut coded = codings.iter().rev().fold(text.clone(), |bytes, &coding| encode(coding, &bytes));
        for (at, byte) in flips {
            *at.get_mut(&mut coded[..]) = byte;
        }
        for bytes in [&coded, &text] {
            let (body, _) = decode(&codings, limit, &pieces(bytes, &lengths));
            prop_assert!(u64::try_from(body.len()).unwrap() <= limit);
        }
    }
}
