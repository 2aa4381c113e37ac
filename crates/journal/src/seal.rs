//! Small values with a checksum before them.

/// Puts the CRC32C of the bytes (4 bytes, little-endian) before them.
pub(crate) fn seal(bytes: &[u8]) -> Vec<u8> {
    [&crc32c::crc32c(bytes).to_le_bytes()[..], bytes].concat()
}

/// What was sealed, if it is as it was.
pub(crate) fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (crc, rest) = bytes.split_first_chunk::<4>()?;
    (crc32c::crc32c(rest) == u32::from_le_bytes(*crc)).then_some(rest)
}
