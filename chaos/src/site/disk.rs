//! File systems in image files: for power cuts, and disks that fill up.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::commands::run;

/// The size of an image. It takes as much as is in use.
const BYTES: u64 = 512 << 20;

/// What fills a disk.
const FILLER: &str = "filler";

/// A mounted image. Its mount ends with the run's namespaces.
#[derive(Debug)]
pub struct Disk {
    at: PathBuf,
    image: PathBuf,
    next: u32,
}

impl Disk {
    /// An empty file system, mounted at `at`, its image beside others in `images`.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new(images: &Path, at: &Path) -> Result<Disk> {
        let name = at.file_name().unwrap_or_default().to_string_lossy();
        std::fs::create_dir_all(images)?;
        std::fs::create_dir_all(at)?;
        let image = images.join(format!("{name}-0"));
        File::create(&image)?.set_len(BYTES)?;
        let text = image.to_string_lossy();
        run("mkfs.ext4", &["-q", "-F", "-m", "0", &text])?;
        let disk = Disk {
            at: at.to_owned(),
            image,
            next: 1,
        };
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<()> {
        // By itself the file system would commit every 5 s; so rarely, only syncs make anything durable, and
        // no copy is taken in the middle of a commit.
        let (image, at) = (self.image.to_string_lossy(), self.at.to_string_lossy());
        run("mount", &["-o", "loop,commit=300", &image, &at]).map(|_| ())
    }

    /// Copies the image as it is now: what a power cut at this moment would leave. Whoever writes to it must
    /// be stopped.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn copy(&mut self) -> Result<PathBuf> {
        let copy = self.image.with_extension(self.next.to_string());
        self.next += 1;
        let (from, to) = (self.image.to_string_lossy(), copy.to_string_lossy());
        run("cp", &["--sparse=always", &from, &to])?;
        Ok(copy)
    }

    /// Goes on with a copy. Nobody may use the file system.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn go_on_with(&mut self, copy: PathBuf) -> Result<()> {
        run("umount", &[&self.at.to_string_lossy()])?;
        let old = std::mem::replace(&mut self.image, copy);
        std::fs::remove_file(&old).with_context(|| old.display().to_string())?;
        self.mount()
    }

    /// Fills it up to the last block.
    ///
    /// # Errors
    /// When it can't be filled for any other reason.
    pub fn fill(&self) -> Result<()> {
        let path = self.at.join(FILLER);
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        let mut length = 0;
        for block in [64 << 20, 1 << 20, 4096] {
            loop {
                match fallocate(&file, FallocateFlags::empty(), length, block) {
                    Ok(()) => length += block,
                    Err(Errno::NOSPC) => break,
                    Err(error) => return Err(error).context("filling a disk"),
                }
            }
        }
        Ok(())
    }

    /// Gives the room back.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn empty(&self) -> Result<()> {
        match std::fs::remove_file(self.at.join(FILLER)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Leaves what is in the file system in a plain directory in its place, and removes the image.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn unpack(self) -> Result<()> {
        let aside = self.at.with_extension("unpacked");
        let (at, to) = (self.at.to_string_lossy(), aside.to_string_lossy());
        run("cp", &["-a", &at, &to])?;
        run("umount", &[&at])?;
        std::fs::remove_dir(&self.at)?;
        std::fs::rename(&aside, &self.at)?;
        std::fs::remove_file(&self.image)?;
        Ok(())
    }
}
