//! The life cycles, in Spark's words, each with its transition table. `UNKNOWN` is not among the
//! states: it is derived (the object is placed, and its confirmation is of an earlier epoch).

mod application;
mod driver;
mod executor;
mod recovery;
mod worker;

pub use application::ApplicationState;
pub use driver::DriverState;
pub use executor::ExecutorState;
pub use recovery::RecoveryState;
pub use worker::WorkerState;

/// How an object shows whose state is not confirmed in this epoch.
pub const UNKNOWN: &str = "UNKNOWN";

/// A transition that the table doesn't have. From outside it is a rejection, never a panic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} can't go from {from} to {to}")]
pub struct Illegal {
    /// The kind of object.
    pub what: &'static str,
    /// Its state.
    pub from: &'static str,
    /// The state that was asked for.
    pub to: &'static str,
}

macro_rules! states {
    ($(#[$doc:meta])* $name:ident, $what:literal, { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? },
     final: [$($end:ident),*], table: [$($from:ident => [$($to:ident),*]),* $(,)?]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every state.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The name, as Spark prints it.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }

            /// Whether the life cycle ends here.
            pub const fn is_final(self) -> bool {
                { let ends: &[$name] = &[$($name::$end),*]; let mut at = 0; while at < ends.len() { if ends[at] as u8 == self as u8 { return true; } at += 1; } false }
            }

            /// Where it can go from here.
            pub const fn successors(self) -> &'static [$name] {
                match self { $($name::$from => &[$($name::$to),*]),* }
            }

            /// The state `to`, if the table has the way there.
            ///
            /// # Errors
            /// When it has not.
            pub fn to(self, to: $name) -> Result<$name, $crate::Illegal> {
                if self.successors().contains(&to) {
                    Ok(to)
                } else {
                    Err($crate::Illegal { what: $what, from: self.as_str(), to: to.as_str() })
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::IdError;

            fn from_str(text: &str) -> Result<Self, $crate::IdError> {
                match text {
                    $($text => Ok($name::$variant),)+
                    _ => Err($crate::IdError::new(text, concat!("a state of ", $what))),
                }
            }
        }
    };
}
pub(crate) use states;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_state_leads_nowhere_and_every_name_parses_back() {
        for state in DriverState::ALL {
            assert_eq!(state.is_final(), state.successors().is_empty(), "{state}");
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
        for state in ApplicationState::ALL {
            assert_eq!(state.is_final(), state.successors().is_empty(), "{state}");
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
        for state in ExecutorState::ALL {
            assert_eq!(state.is_final(), state.successors().is_empty(), "{state}");
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
    }

    #[test]
    fn an_illegal_transition_is_an_error_that_names_both_ends() {
        let error = DriverState::Finished.to(DriverState::Running).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a driver can't go from FINISHED to RUNNING"
        );
    }
}
