//! What a run leaves in its directory: the formats that the run writes and the checker reads.
