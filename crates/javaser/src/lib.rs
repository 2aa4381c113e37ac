//! Java serialization streams as a generic graph: read, looked at, put together anew, and written back byte for byte.
//!
//! Spark's processes speak in serialized Java objects. A master needs a few fields of what they say, passes whole
//! descriptions on without knowing all that is in them, and answers in the classes of the very version that asked.
//! None of that needs a JVM or the classes themselves: a stream describes the classes of what it holds.
//!
//! - [`Stream::read`] and [`Stream::write`]: what is read is written back as the same bytes.
//! - [`View`]: the fields of objects, the elements of arrays, strings and numbers.
//! - [`Graph::import`]: a part of one stream becomes a part of another.
//! - [`Builder`]: new messages from the classes of a [`ClassSet`].
//! - [`scala`]: options, sequences and maps, as Scala 2.12 and 2.13 write them.
//!
//! ```
//! use vesta_javaser::{Builder, ClassSet, Limits, Stream, Value, View};
//!
//! // What a JVM writes for `Boolean.TRUE`.
//! let bytes = b"\xAC\xED\0\x05sr\0\x11java.lang.Boolean\xCD r\x80\xD5\x9C\xFA\xEE\x02\0\x01Z\0\x05valuexp\x01";
//! let limits = Limits::default();
//! let stream = Stream::read(bytes, &limits)?;
//! let yes = stream.value()?;
//! assert!(yes.is_a("java.lang.Boolean") && yes.get("value", View::bool)?);
//!
//! // Another value of the classes that were in it.
//! let mut classes = ClassSet::new();
//! classes.learn_all(&stream.graph);
//! let mut builder = Builder::new(&classes);
//! let no = builder.object("java.lang.Boolean", &[("value", Value::Bool(false))])?;
//! let written = builder.finish(no).write(&limits)?;
//! assert_eq!(written[..written.len() - 1], bytes[..bytes.len() - 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here does IO, and nothing that a peer sends makes it panic or exceed its [`Limits`].
//!
//! # The format
//!
//! The source is the *Java Object Serialization Specification*, version 6.0: chapter 6 is the format ("Object
//! Serialization Stream Protocol": §6.2 the elements, §6.4 the grammar, §6.4.1 the rules of the grammar, §6.4.2 the
//! constants), §4.3 the descriptors. The module [`graph`] follows the grammar's nonterminals. Its points of care:
//!
//! - A handle is given to every descriptor (after its serialVersionUID, before its fields), object, array, enum
//!   constant and class literal (after the descriptor, before the data) and string, from `0x7E0000`.
//! - Of a class with a `writeObject` both follow: the fields, then its own data up to an end mark. The format can't
//!   tell whether such a class wrote its fields at all. The specification demands it (§2.3); a class that does not
//!   (Scala 2.12's `ListBuffer`, which no message of a master holds) is read wrongly, and refused where that shows.
//! - Refused with the place: a writer's exception (`TC_EXCEPTION`: the stream is broken off), a reset inside an
//!   object, externalizable classes of the old form (their data have no end mark).

pub mod graph;
pub mod scala;

mod build;
mod import;
mod limits;
mod mutf8;
mod read;
mod stream;
mod tags;
mod view;
mod write;

pub use build::{BuildError, Builder, ClassSet, DumpError};
pub use graph::{Graph, NodeId, Value};
pub use import::Importer;
pub use limits::Limits;
pub use mutf8::{JavaString, NotModifiedUtf8};
pub use read::{Problem, ReadError};
pub use stream::{Record, Stream};
pub use view::{AccessError, ClassView, View};
pub use write::WriteError;
