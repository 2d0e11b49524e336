//! `running.json` in the data folder while the server runs: where its DynamoDB is, for `admin --local`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The file. It goes when this is dropped; a server that is killed leaves it behind.
pub struct Running {
    path: PathBuf,
    text: String,
}

impl Running {
    /// Readable by its owner alone: whoever reaches the engine owns the data.
    pub fn announce(data: &Path, endpoint: &str, table: &str) -> Result<Self, String> {
        let running = Self {
            path: data.join("running.json"),
            text: format!("{{\"dynamodb\":\"{endpoint}\",\"table\":\"{table}\"}}\n"),
        };
        // Written aside and renamed, so that nobody reads half of it, and so that its mode is never another file's.
        let aside = data.join("running.new");
        let _ = std::fs::remove_file(&aside);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside);
        file.and_then(|mut file| file.write_all(running.text.as_bytes()))
            .and_then(|()| std::fs::rename(&aside, &running.path))
            .map_err(|error| format!("can't write {}: {error}", running.path.display()))?;
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A second server on the same folder has put its own in this place.
        if std::fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_file_is_the_owners_alone_and_goes_with_its_own_server() {
        let data = std::env::temp_dir().join(format!("vestibule-running-{}", std::process::id()));
        std::fs::create_dir_all(&data).unwrap();
        let file = data.join("running.json");
        let first = Running::announce(&data, "http://127.0.0.1:1", "vestibule").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let second = Running::announce(&data, "http://127.0.0.1:2", "vestibule").unwrap();
        drop(first);
        assert!(
            std::fs::read_to_string(&file).unwrap().contains(":2"),
            "the second server's is not the first's to take"
        );
        drop(second);
        assert_eq!(std::fs::read_dir(&data).unwrap().count(), 0);
        std::fs::remove_dir_all(&data).unwrap();
    }
}
