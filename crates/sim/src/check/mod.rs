//! What must hold, judged by what the model saw happen, never by the state's own word.

mod ledger;
mod told;
mod truth;

pub use ledger::{Execution, Ledger};
pub use told::Told;
pub use truth::Truth;

/// The first thing that was found broken; the rest follows from it more often than not.
pub type Broken = Option<String>;

/// Notes what is broken, if nothing was before.
pub fn broke(broken: &mut Broken, what: impl FnOnce() -> String) {
    if broken.is_none() {
        *broken = Some(what());
    }
}
