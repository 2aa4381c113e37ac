//! The releases whose classes are known (see `descriptors/README.md`).

use std::sync::{Arc, LazyLock};

use vesta_javaser::{ClassSet, Limits};
use vesta_types::{Dialect, SparkRelease};

use super::REFERENCE;

type Set = LazyLock<Arc<ClassSet>>;

static SPARK_3_5: Set = Set::new(|| load(include_bytes!("../../descriptors/3.5.dat")));
static SPARK_4_0: Set = Set::new(|| load(include_bytes!("../../descriptors/4.0.dat")));
static SPARK_4_1: Set = Set::new(|| load(include_bytes!("../../descriptors/4.1.dat")));

fn load(descriptors: &[u8]) -> Arc<ClassSet> {
    let classes = ClassSet::from_dump(descriptors, &Limits::default());
    Arc::new(classes.expect("the files are part of the crate, and a test reads them all"))
}

/// The classes of a release.
pub(super) fn classes(release: SparkRelease) -> Arc<ClassSet> {
    // The newest last.
    let (older, newest): (&[&Set], &Set) = match release.dialect {
        Dialect::Scala212 => (&[], &SPARK_3_5),
        Dialect::Scala213 => (&[&SPARK_4_0], &SPARK_4_1),
    };
    let Some(wanted) = release.reference_uid else {
        return Arc::clone(newest);
    };
    let has = |set: &Set| {
        set.get(REFERENCE)
            .is_some_and(|class| class.uid() == wanted)
    };
    if let Some(known) = older.iter().chain([&newest]).find(|set| has(set)) {
        return Arc::clone(known);
    }
    let mut learned = ClassSet::clone(newest);
    learned.set_uid(REFERENCE, wanted);
    Arc::new(learned)
}
