//! What something that waits is short of, in words.

use vesta_types::resources::show_memory;

use super::room::Need;

/// What is missing.
pub(super) enum Lacks {
    /// One thing that no worker has enough of.
    One {
        /// How much is needed of it.
        needs: String,
        /// The most that there is.
        most: String,
    },
    /// Each thing somewhere, but not all on one worker.
    Together,
}

impl Lacks {
    /// What of `need` there is too little of, given the most of each that a worker has.
    pub fn new(
        need: &Need,
        most_cores: u32,
        most_memory: u64,
        named: impl Fn(&str) -> usize,
    ) -> Lacks {
        if need.cores > most_cores {
            return Lacks::One {
                needs: cores(need.cores),
                most: most_cores.to_string(),
            };
        }
        if need.memory_mib > most_memory {
            return Lacks::One {
                needs: format!("{} of memory", show_memory(need.memory_mib)),
                most: show_memory(most_memory),
            };
        }
        let short = |(name, count): (&String, &u32)| {
            let most = named(name);
            (most < *count as usize).then(|| Lacks::One {
                needs: format!("{count} × {name}"),
                most: most.to_string(),
            })
        };
        need.named.iter().find_map(short).unwrap_or(Lacks::Together)
    }
}

/// So many cores, in words.
pub(super) fn cores(count: u32) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} core{s}")
}

/// All that is needed, in words.
pub(super) fn all_of(need: &Need) -> String {
    let mut text = format!(
        "{} and {} of memory",
        cores(need.cores),
        show_memory(need.memory_mib)
    );
    for (name, count) in need.named.iter().filter(|(_, count)| **count > 0) {
        text.push_str(&format!(" and {count} × {name}"));
    }
    text
}
