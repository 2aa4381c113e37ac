//! How a record is cut into parts, and how a part is checked.
//!
//! Key: `1`, index (8 bytes, big-endian), part number (4 bytes, big-endian): the order of keys is the
//! order of the log. Value: CRC32C (4 bytes, little-endian), length of the whole record (4 bytes,
//! little-endian), then at most [`MAX_PART_BYTES`] of it. The checksum covers the key too, so a part
//! can't stand in for another. The length tells how many parts there must be, so a record that lacks
//! its last parts is told from a whole one.

/// Length of the largest part of a record as stored, in bytes. sled writes up to 16 values and a few
/// more in one piece, and pieces over 128 KiB to files of their own, which it never syncs.
pub const MAX_PART_BYTES: usize = 4096;

/// Length of the longest record, in bytes (64 MiB). What consensus proposes is far smaller.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

/// First byte of the keys of records; everything else in the log's tree begins with another.
pub(crate) const RECORDS: u8 = 1;
const KEY_BYTES: usize = 13;
const HEAD_BYTES: usize = 8;

/// The key of one part.
pub(crate) fn key(index: u64, part: u32) -> [u8; KEY_BYTES] {
    let mut key = [RECORDS; KEY_BYTES];
    key[1..9].copy_from_slice(&index.to_be_bytes());
    key[9..].copy_from_slice(&part.to_be_bytes());
    key
}

/// Index and part number of a key, if it is one of a record.
pub(crate) fn parse_key(key: &[u8]) -> Option<(u64, u32)> {
    let (&[kind], rest) = key.split_first_chunk::<1>()?;
    let (index, part) = rest.split_first_chunk::<8>()?;
    let part: [u8; 4] = part.try_into().ok()?;
    (kind == RECORDS).then(|| (u64::from_be_bytes(*index), u32::from_be_bytes(part)))
}

/// How many parts a record of `length` bytes has; an empty one has one too.
pub(crate) fn count(length: u32) -> u32 {
    length.div_ceil(MAX_PART_BYTES as u32).max(1)
}

/// The parts of a record, as key and value. `bytes` is at most [`MAX_RECORD_BYTES`].
pub(crate) fn split(index: u64, bytes: &[u8]) -> impl Iterator<Item = ([u8; KEY_BYTES], Vec<u8>)> {
    let length = u32::try_from(bytes.len()).expect("a record is at most 64 MiB, as append checks");
    (0..count(length)).map(move |part| {
        let start = part as usize * MAX_PART_BYTES;
        let end = bytes.len().min(start + MAX_PART_BYTES);
        let key = key(index, part);
        let mut value = Vec::with_capacity(HEAD_BYTES + end - start);
        value.extend([0; 4]);
        value.extend(length.to_le_bytes());
        value.extend(&bytes[start..end]);
        let crc = checksum(&key, &value[4..]);
        value[..4].copy_from_slice(&crc.to_le_bytes());
        (key, value)
    })
}

/// A part that is as it was written.
pub(crate) struct Part<'a> {
    pub(crate) index: u64,
    pub(crate) number: u32,
    /// Length of the whole record, in bytes.
    pub(crate) length: u32,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Part<'a> {
    /// Checks one key and value against each other. The error says what is wrong with them.
    pub(crate) fn parse(key: &[u8], value: &'a [u8]) -> Result<Self, String> {
        let (index, number) = parse_key(key).ok_or("a key that is not one of a record")?;
        let Some((head, bytes)) = value.split_first_chunk::<HEAD_BYTES>() else {
            return Err(format!(
                "part {number} has {} bytes, at least {HEAD_BYTES} expected",
                value.len()
            ));
        };
        let [a, b, c, d, length @ ..] = *head;
        let (stored, computed) = (u32::from_le_bytes([a, b, c, d]), checksum(key, &value[4..]));
        if stored != computed {
            return Err(format!(
                "part {number} has checksum {stored:08x}, its bytes have {computed:08x}"
            ));
        }
        Ok(Self {
            index,
            number,
            length: u32::from_le_bytes(length),
            bytes,
        })
    }
}

fn checksum(key: &[u8], rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), rest)
}
