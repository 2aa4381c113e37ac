//! The bytes of a stream and the place in them.

use super::error::{Problem, ReadError};
use crate::mutf8::JavaString;

/// A place in the bytes. Nothing is taken beyond their end, and nothing is allocated before its bytes are there.
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn take(&mut self, needed: usize) -> Result<&'a [u8], ReadError> {
        let left = self.left();
        if needed > left {
            let problem = Problem::Truncated { needed, left };
            return Err(problem.at(self.at));
        }
        let taken = &self.bytes[self.at..self.at + needed];
        self.at += needed;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("as many as were asked for"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ReadError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, ReadError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, ReadError> {
        self.array().map(i64::from_be_bytes)
    }

    pub(crate) fn bool(&mut self) -> Result<bool, ReadError> {
        let at = self.at;
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(Problem::BadBoolean { found }.at(at)),
        }
    }

    /// A count or length, which the format has as a signed number.
    pub(crate) fn count(&mut self) -> Result<usize, ReadError> {
        let at = self.at;
        let count = self.i32()?;
        usize::try_from(count).map_err(|_| {
            let count = count.into();
            Problem::NegativeCount { count }.at(at)
        })
    }

    /// A string of `length` bytes.
    pub(crate) fn string(&mut self, length: usize) -> Result<JavaString, ReadError> {
        let at = self.at;
        let bytes = self.take(length)?;
        JavaString::from_bytes(bytes).map_err(|bad| Problem::from(bad).at(at))
    }
}

impl Problem {
    pub(crate) fn at(self, offset: usize) -> ReadError {
        let problem = self;
        ReadError { offset, problem }
    }
}
