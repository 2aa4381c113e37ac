//! What a message shows of its sender's release.

use vesta_javaser::Graph;
use vesta_javaser::graph::Node;
use vesta_types::{Dialect, SparkRelease};

use super::REFERENCE;

/// A class in what `spark-submit` sends that changed along with `RpcEndpointRef`, and its numbers by release.
const ARRAY_SEQ: &str = "scala.collection.immutable.ArraySeq";
const ARRAY_SEQ_UIDS: [(i64, &str); 2] = [
    (-8_615_987_390_676_041_167, "4.0.0"),
    (-1_506_415_583_798_956_640, "4.1.0"),
];

/// The release of whoever wrote a message of this dialect, as far as what is in it shows that: by the `RpcEndpointRef`
/// of a reference to itself, else by the `ArraySeq` of Scala's library that it was built with.
#[must_use]
pub fn shown_by(dialect: Dialect, message: &Graph) -> SparkRelease {
    let by_array_seq = || {
        let uid = uid_in(message, ARRAY_SEQ)?;
        let (_, version) = ARRAY_SEQ_UIDS.iter().find(|(known, _)| *known == uid)?;
        let release = SparkRelease::of_version(version)?;
        release.reference_uid.filter(|_| release.dialect == dialect)
    };
    SparkRelease {
        dialect,
        reference_uid: uid_in(message, REFERENCE).or_else(by_array_seq),
    }
}

/// The release in which a peer is answered that sends no reference but is to get one, as `spark-submit` does: what its
/// message shows, else what the last worker of the same dialect was seen to be. If neither is known, neither is the
/// answer, and the newest release of the dialect is spoken.
#[must_use]
pub fn answered_as(shown: SparkRelease, learned_last: Option<SparkRelease>) -> SparkRelease {
    let same = learned_last.filter(|learned| learned.dialect == shown.dialect);
    let learned = same.and_then(|learned| learned.reference_uid);
    SparkRelease {
        reference_uid: shown.reference_uid.or(learned),
        ..shown
    }
}

/// The number of a class in a message.
fn uid_in(message: &Graph, class: &str) -> Option<i64> {
    message.nodes().find_map(|(_, node)| match node {
        Node::Class(desc) if desc.name.is(class) => Some(desc.uid),
        _ => None,
    })
}
