//! Backups, vacuums and salvages of the world's file, compared with the plain model.

use tracklite::Database;

use super::plain::Plain;
use super::world::{World, tell};
use crate::support::{self, File as _};

impl World {
    pub(super) fn backup(&mut self, who: bool) -> Result<(), String> {
        let path = self.folder.path().join("backup.tracklite");
        self.database(who)?.backup(&path).map_err(|error| tell("backup", &error))?;
        let compared = self.compare("the backup", support::read_path(&path));
        let report = Database::verify(&path).map_err(|error| tell("verify", &error))?;
        std::fs::remove_file(&path).map_err(|error| error.to_string())?;
        compared?;
        if report.is_sound() { Ok(()) } else { Err(format!("the backup: {:?}", report.damages)) }
    }

    /// Closes all and goes on with the vacuumed file.
    pub(super) fn vacuum(&mut self) -> Result<(), String> {
        self.close(false)?;
        self.close(true)?;
        let path = self.folder.path().join("vacuum.tracklite");
        std::fs::write(&path, self.file.bytes()).map_err(|error| error.to_string())?;
        Database::vacuum(&path).map_err(|error| tell("vacuum", &error))?;
        let bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
        std::fs::remove_file(&path).map_err(|error| error.to_string())?;
        self.boots += 1;
        self.file = support::disk_with(&bytes, self.boots);
        // Nothing is known any more of what was purged.
        let Plain { content, started, created } = &mut self.plain;
        started.retain(|id| content.runs.contains_key(id));
        created.retain(|id| content.experiments.contains_key(id));
        self.compare("the vacuumed file", support::read_file(&self.file))
    }

    /// Salvages the file as it is, with its writers in it.
    pub(super) fn salvage(&mut self) -> Result<(), String> {
        let path = self.folder.path().join("file.tracklite");
        let out = self.folder.path().join("salvaged.tracklite");
        std::fs::write(&path, self.file.bytes()).map_err(|error| error.to_string())?;
        let report = Database::salvage(&path, &out).map_err(|error| tell("salvage", &error))?;
        let compared = self.compare("the salvaged file", support::read_path(&out));
        for path in [&path, &out] {
            std::fs::remove_file(path).map_err(|error| error.to_string())?;
        }
        compared?;
        if report.lost.is_empty() { Ok(()) } else { Err(format!("lost {:?}", report.lost)) }
    }
}
