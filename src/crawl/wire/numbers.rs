//! What the books need to know of a row, as numbers, and these on the wire: one string of bytes.
//!
//! Does not know what they count for.
//!
//! Each number by itself, and whether it is there, would pass through the encoder one by one; most of what an answer
//! cost the master was that.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::crawl::wire::Traffic;

/// What the books need to know of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::crawl) struct Numbers {
    pub(in crate::crawl) seq: u64,
    pub(super) outcome: u8,
    pub(super) kind: Option<u8>,
    pub(super) status: Option<u16>,
    pub(super) bytes: u64,
    pub(super) latency_micros: Option<u64>,
    /// When the first attempt began, in milliseconds since 1970, as the row says it.
    pub(in crate::crawl) began: Option<u64>,
    /// What its row cost.
    pub(in crate::crawl) traffic: Traffic,
    pub(super) slot: Option<u32>,
}

/// Bytes of all of them.
const LENGTH: usize = 53;

/// Bits of the byte that tells which of the optional ones are there.
const HAS_KIND: u8 = 1;
const HAS_STATUS: u8 = 2;
const HAS_LATENCY: u8 = 4;
const HAS_SLOT: u8 = 8;
const HAS_BEGAN: u8 = 16;

impl Numbers {
    fn to_bytes(self) -> [u8; LENGTH] {
        let bit = |is_there: bool, bit: u8| if is_there { bit } else { 0 };
        let there = bit(self.kind.is_some(), HAS_KIND)
            | bit(self.status.is_some(), HAS_STATUS)
            | bit(self.latency_micros.is_some(), HAS_LATENCY)
            | bit(self.slot.is_some(), HAS_SLOT)
            | bit(self.began.is_some(), HAS_BEGAN);
        let mut bytes = [0; LENGTH];
        let mut rest = &mut bytes[..];
        put(&mut rest, [there, self.outcome, self.kind.unwrap_or(0)]);
        put(&mut rest, self.status.unwrap_or(0).to_le_bytes());
        put(&mut rest, self.slot.unwrap_or(0).to_le_bytes());
        put(&mut rest, self.traffic.requests.to_le_bytes());
        put(&mut rest, self.traffic.received.to_le_bytes());
        put(&mut rest, self.seq.to_le_bytes());
        put(&mut rest, self.bytes.to_le_bytes());
        put(&mut rest, self.latency_micros.unwrap_or(0).to_le_bytes());
        put(&mut rest, self.began.unwrap_or(0).to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; LENGTH]) -> Self {
        let mut rest = &bytes[..];
        let [there, outcome, kind] = take(&mut rest);
        let status = u16::from_le_bytes(take(&mut rest));
        let slot = u32::from_le_bytes(take(&mut rest));
        let requests = u32::from_le_bytes(take(&mut rest));
        let received = u64::from_le_bytes(take(&mut rest));
        let seq = u64::from_le_bytes(take(&mut rest));
        let bytes = u64::from_le_bytes(take(&mut rest));
        let latency_micros = u64::from_le_bytes(take(&mut rest));
        let began = u64::from_le_bytes(take(&mut rest));
        Self {
            seq,
            outcome,
            kind: (there & HAS_KIND != 0).then_some(kind),
            status: (there & HAS_STATUS != 0).then_some(status),
            bytes,
            latency_micros: (there & HAS_LATENCY != 0).then_some(latency_micros),
            began: (there & HAS_BEGAN != 0).then_some(began),
            traffic: Traffic { requests, received },
            slot: (there & HAS_SLOT != 0).then_some(slot),
        }
    }
}

fn put<const N: usize>(room: &mut &mut [u8], number: [u8; N]) {
    let (place, rest) =
        std::mem::take(room).split_first_chunk_mut().expect("the length is that of all numbers");
    *place = number;
    *room = rest;
}

fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (number, rest) = bytes.split_first_chunk().expect("the length is that of all numbers");
    *bytes = rest;
    *number
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.to_bytes())
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(NumbersVisitor)
    }
}

struct NumbersVisitor;

impl Visitor<'_> for NumbersVisitor {
    type Value = Numbers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{LENGTH} bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Numbers, E> {
        let bytes = bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))?;
        Ok(Numbers::from_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::value::{BytesDeserializer, Error};

    use super::*;

    fn read(bytes: &[u8]) -> Result<Numbers, Error> {
        Numbers::deserialize(BytesDeserializer::new(bytes))
    }

    proptest! {
        #[test]
        fn numbers_come_back(
            (seq, outcome, kind, status) in any::<(u64, u8, Option<u8>, Option<u16>)>(),
            (bytes, latency_micros, began, slot) in any::<(u64, Option<u64>, Option<u64>, Option<u32>)>(),
            (requests, received) in any::<(u32, u64)>(),
        ) {
            let traffic = Traffic { requests, received };
            let numbers = Numbers { seq, outcome, kind, status, bytes, latency_micros, began, traffic, slot };
            prop_assert_eq!(read(&numbers.to_bytes()), Ok(numbers));
        }
    }

    #[test]
    fn another_length_is_no_numbers() {
        for length in [0, LENGTH - 1, LENGTH + 1] {
            assert!(read(&vec![0; length]).is_err(), "{length}");
        }
    }
}
