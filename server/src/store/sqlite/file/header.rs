//! A look at the file before SQLite is let near it: SQLite takes an empty file for a new database, and does not
//! notice that the end is missing until it wants to read it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::{APPLICATION, beside};

/// Whether this is a database of ours, and all of it.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    let length = file.metadata().map_err(|e| e.to_string())?.len();
    if length == 0 {
        return Err("is empty; to start anew, remove it".to_owned());
    }
    let mut header = [0; 100];
    file.read_exact(&mut header).map_err(|_| "is no SQLite database".to_owned())?;
    if !header.starts_with(b"SQLite format 3\0") {
        return Err("is no SQLite database".to_owned());
    }
    if be32(&header, 68) != APPLICATION.cast_unsigned() {
        return Err("is a database of another program".to_owned());
    }
    // 1 stands for 65536.
    let page_size = match u64::from(be32(&header, 14) & 0xffff) {
        1 => 65_536,
        size => size,
    };
    if !page_size.is_power_of_two() || page_size < 512 {
        return Err("is damaged: its header makes no sense".to_owned());
    }
    let log = Log::read(&beside(path, "-wal"), page_size).map_err(|e| format!("its -wal file: {e}"))?;
    let pages = log.pages_in_all.unwrap_or_else(|| be32(&header, 28));
    let there = u32::try_from(length / page_size).unwrap_or(u32::MAX);
    // A copy from the log into the file may have been cut short; then the log still has what is missing.
    if (there + 1..=pages).all(|page| log.pages.contains(&page)) {
        Ok(())
    } else {
        Err(format!("is cut short: {there} of {pages} pages are left"))
    }
}

/// What the write-ahead log beside the file holds.
#[derive(Default)]
struct Log {
    /// The size of the database after the last commit in the log, if there is one.
    pages_in_all: Option<u32>,
    /// Pages of which the log has a newer state.
    pages: HashSet<u32>,
}

impl Log {
    /// Reads the heads of its frames (<https://www.sqlite.org/fileformat2.html#walformat>). SQLite will check their
    /// sums; here it is enough to know which pages it has.
    fn read(path: &Path, page_size: u64) -> io::Result<Self> {
        let mut log = Self::default();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(log),
            Err(error) => return Err(error),
        };
        let (mut head, mut frame) = ([0; 32], [0; 24]);
        let Some(frames) = file.metadata()?.len().checked_sub(head.len() as u64) else { return Ok(log) };
        let mut file = io::BufReader::new(file);
        file.read_exact(&mut head)?;
        let mut uncommitted = Vec::new();
        for _ in 0..frames / (frame.len() as u64 + page_size) {
            file.read_exact(&mut frame)?;
            // What an earlier round left behind has other salts.
            if frame[8..16] != head[16..24] {
                break;
            }
            uncommitted.push(be32(&frame, 0));
            if let size @ 1.. = be32(&frame, 4) {
                log.pages_in_all = Some(size);
                log.pages.extend(uncommitted.drain(..));
            }
            file.seek_relative(page_size.try_into().unwrap_or(i64::MAX))?;
        }
        Ok(log)
    }
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}
