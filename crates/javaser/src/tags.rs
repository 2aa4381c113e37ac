//! The constants of the stream (Java Object Serialization Specification §6.4.2, "Terminal Symbols and Constants").

/// `STREAM_MAGIC` and `STREAM_VERSION`.
pub(crate) const HEADER: [u8; 4] = [0xAC, 0xED, 0x00, 0x05];
/// `baseWireHandle`: the first handle of a stream.
pub(crate) const BASE_HANDLE: u32 = 0x7E_0000;

pub(crate) const NULL: u8 = 0x70;
pub(crate) const REFERENCE: u8 = 0x71;
pub(crate) const CLASSDESC: u8 = 0x72;
pub(crate) const OBJECT: u8 = 0x73;
pub(crate) const STRING: u8 = 0x74;
pub(crate) const ARRAY: u8 = 0x75;
pub(crate) const CLASS: u8 = 0x76;
pub(crate) const BLOCKDATA: u8 = 0x77;
pub(crate) const ENDBLOCKDATA: u8 = 0x78;
pub(crate) const RESET: u8 = 0x79;
pub(crate) const BLOCKDATALONG: u8 = 0x7A;
pub(crate) const EXCEPTION: u8 = 0x7B;
pub(crate) const LONGSTRING: u8 = 0x7C;
pub(crate) const PROXYCLASSDESC: u8 = 0x7D;
pub(crate) const ENUM: u8 = 0x7E;

/// The longest block and string that the short forms hold; Java writes the long forms only above these.
pub(crate) const SHORT_BLOCK: usize = 0xFF;
pub(crate) const SHORT_STRING: usize = 0xFFFF;
