//! What consensus drives.

/// The replicated state: commands go in, in log order and the same on every member.
///
/// Called by one thread at a time. It starts empty; consensus restores the newest snapshot and
/// applies what follows it before anything else.
pub trait StateMachine: Send + 'static {
    /// Applies one committed command and returns its reply.
    ///
    /// Must be total and deterministic: no clock, no randomness, no order of a hash map.
    ///
    /// # Errors
    /// The text of why this node can't go on (an entry that it does not know). The node then stops;
    /// an entry is never skipped.
    fn apply(&mut self, index: u64, term: u64, command: &[u8]) -> Result<Vec<u8>, String>;

    /// A run of applies is over and `index` was its last entry (which need not have been a
    /// command): publish the state once. Called before the proposers of that run get their replies.
    fn applied(&mut self, index: u64);

    /// The whole state as bytes.
    ///
    /// # Errors
    /// Why it can't be encoded; the node then stops.
    fn snapshot(&self) -> Result<Vec<u8>, String>;

    /// Replaces the whole state by that of a snapshot whose last entry is `index`.
    ///
    /// # Errors
    /// Why it can't be decoded; the node then stops.
    fn restore(&mut self, index: u64, snapshot: &[u8]) -> Result<(), String>;
}
