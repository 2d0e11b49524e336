//! The key set's file: made on the first start, readable by its owner alone.

use std::io::ErrorKind;
use std::path::Path;

use auth::{Clock, KeySet, Lifetimes, PendingFile, Pseudonyms, Random, Schedule};

pub fn load_or_generate(path: &Path) -> Result<KeySet, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => match KeySet::from_json(&text) {
            Ok(set) if set.is_ready(Clock::System.now()) => Ok(set),
            Ok(_) => Err(corrupt(path, "it holds no key that signs now")),
            Err(error) => Err(corrupt(path, &error.to_string())),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => generate(path),
        Err(error) => Err(format!("can't read {}: {error}", path.display())),
    }
}

fn generate(path: &Path) -> Result<KeySet, String> {
    // As a deployment's first keys are made.
    let schedule = Schedule::new(Lifetimes::DEFAULT);
    let set = KeySet::default().rotated(Clock::System.now(), &schedule, &Random::System).map_err(|e| e.to_string())?;
    write(path, &set.to_json())?;
    Ok(set)
}

/// Sees to it that the file holds a key for pseudonyms.
pub fn pseudonym_key(path: &Path) -> Result<(), String> {
    match std::fs::read_to_string(path) {
        Ok(text) if Pseudonyms::new(text.trim()).is_some() => Ok(()),
        Ok(_) => Err(format!("the key file {} is damaged; delete it, and throttles start anew", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let secret = Pseudonyms::generate(&Random::System).map_err(|e| e.to_string())?;
            write(path, &secret)
        }
        Err(error) => Err(format!("can't read {}: {error}", path.display())),
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let written = PendingFile::write(path, text).and_then(PendingFile::make_current);
    written.map_err(|error| format!("can't write {}: {error}", path.display()))
}

fn corrupt(path: &Path, why: &str) -> String {
    format!("the key file {} is damaged ({why}); restore it, or delete it and everyone signs in again", path.display())
}
