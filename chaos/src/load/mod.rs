//! Clients that ask for work all the time and record every call.
