//! What workers and applications of Spark's are to the leader, without a network.

mod application;
mod redial;
mod unanswered;
mod worker;
