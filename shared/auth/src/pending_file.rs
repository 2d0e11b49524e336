use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A secret of a local server's that is to take its file's place: written aside first and renamed, so that a kill in
/// between leaves no half of it. Dropped before it is current, it goes.
#[derive(Debug)]
pub struct PendingFile {
    path: PathBuf,
    aside: PathBuf,
}

impl PendingFile {
    /// Writes the text beside `path`, readable by its owner alone.
    pub fn write(path: &Path, text: &str) -> io::Result<Self> {
        let pending = Self { path: path.to_owned(), aside: path.with_extension("new") };
        // What a kill has left. Made anew, so that its mode is never another file's.
        let _ = std::fs::remove_file(&pending.aside);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&pending.aside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(pending)
    }

    pub fn make_current(self) -> io::Result<()> {
        std::fs::rename(&self.aside, &self.path)
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        // Nothing is there once it was renamed.
        let _ = std::fs::remove_file(&self.aside);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_takes_its_files_place_whole_and_is_the_owners_alone() {
        let folder = std::env::temp_dir().join(format!("vestibule-pending-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("keys.json");
        std::fs::write(&path, "old").unwrap();
        drop(PendingFile::write(&path, "given up").unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        std::fs::write(folder.join("keys.new"), "half").unwrap();
        PendingFile::write(&path, "new").unwrap().make_current().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
