//! What happened, one line per event.

/// What the lines mean.
pub const LEGEND: &str = "\
time in s, who, what. m1 m2 …: masters; w1 …: agents of workers; s: supervisors; c1 …: clients; a1 …: applications.
m1<m2 append: m1 takes a message of m2. apply N: entry N of the log. w1<m1: w1 takes a message on its stream to m1.
exec, exit: a process begins, ends. FAULT, HEAL: what is done to them.";

/// Keeps lines, if it is to.
#[derive(Debug, Default)]
pub struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    /// One that keeps lines.
    pub fn on() -> Trace {
        Trace {
            lines: Some(Vec::new()),
        }
    }

    /// Whether lines are kept.
    pub fn is_on(&self) -> bool {
        self.lines.is_some()
    }

    /// Adds a line.
    pub fn add(&mut self, line: String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// Its lines.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}

/// A line in the world's trace: not even made when nobody keeps it.
macro_rules! trace {
    ($world:expr, $($text:tt)*) => {
        if $world.trace.is_on() {
            let line = format!($($text)*);
            let (s, us) = ($world.now / 1_000_000_000, $world.now / 1_000 % 1_000_000);
            $world.trace.add(format!("{s:>3}.{us:06} {line}"));
        }
    };
}
pub(crate) use trace;
