//! A state machine that remembers every command.

use std::sync::{Arc, Mutex};

use vesta_consensus::StateMachine;

/// The command that this machine does not know.
pub const UNKNOWN: &[u8] = b"unknown";
/// The command that makes it panic.
pub const PANIC: &[u8] = b"panic";

/// What a machine has published.
#[derive(Clone, Default)]
pub struct View(Arc<Mutex<Published>>);

#[derive(Default, Clone)]
struct Published {
    commands: Vec<Vec<u8>>,
    index: u64,
    restored: u64,
}

impl View {
    pub fn commands(&self) -> Vec<String> {
        let commands = self.0.lock().unwrap().commands.clone();
        commands
            .into_iter()
            .map(|command| String::from_utf8_lossy(&command).into())
            .collect()
    }

    pub fn has(&self, command: &str) -> bool {
        self.commands().iter().any(|known| known == command)
    }

    /// The index of the last snapshot that was restored.
    pub fn restored(&self) -> u64 {
        self.0.lock().unwrap().restored
    }
}

/// Keeps commands in order; a reply is the number of commands so far.
#[derive(Default)]
pub struct Machine {
    commands: Vec<Vec<u8>>,
    view: View,
}

impl Machine {
    pub fn new() -> (Machine, View) {
        let machine = Machine::default();
        let view = machine.view.clone();
        (machine, view)
    }
}

impl StateMachine for Machine {
    fn apply(&mut self, _index: u64, term: u64, command: &[u8]) -> Result<Vec<u8>, String> {
        assert!(term > 0);
        assert!(command != PANIC, "asked to panic");
        if command == UNKNOWN {
            return Err("a command of the future".into());
        }
        self.commands.push(command.to_vec());
        Ok(self.commands.len().to_string().into_bytes())
    }

    fn applied(&mut self, index: u64) {
        let mut published = self.view.0.lock().unwrap();
        published.commands = self.commands.clone();
        assert!(index >= published.index, "the index went back");
        published.index = index;
    }

    fn snapshot(&self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        for command in &self.commands {
            bytes.extend_from_slice(&(command.len() as u32).to_be_bytes());
            bytes.extend_from_slice(command);
        }
        Ok(bytes)
    }

    fn restore(&mut self, index: u64, mut snapshot: &[u8]) -> Result<(), String> {
        self.commands.clear();
        while let Some((length, rest)) = snapshot.split_first_chunk::<4>() {
            let (command, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
            self.commands.push(command.to_vec());
            snapshot = rest;
        }
        self.view.0.lock().unwrap().restored = index;
        Ok(())
    }
}
