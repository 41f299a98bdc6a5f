//! People at work: transcripts that grow, are rotated, cut short, replaced and deleted.

use fastrand::Rng;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// One person, who is the only one to write below their folder.
#[derive(Debug)]
pub(crate) struct Person {
    folder: PathBuf,
    name: String,
    random: Rng,
    made: u32,
    files: Vec<String>,
    /// What deleted files held, by `<user>/<file>`.
    pub deleted: BTreeMap<String, Vec<u8>>,
    pub actions: u64,
}

/// Files of a person; a new one takes the place of the oldest.
const FILES: usize = 60;

/// A file that is longer is rotated.
const LONGEST: u64 = 200_000;

impl Person {
    /// Makes the folder of one below the root.
    pub(crate) fn new(root: &Path, number: u64) -> io::Result<Self> {
        let name = format!("person-{number}");
        let folder = root.join(&name);
        fs::create_dir_all(&folder)?;
        let random = Rng::with_seed(number);
        Ok(Self { folder, name, random, made: 0, files: Vec::new(), deleted: BTreeMap::new(), actions: 0 })
    }

    /// Does one thing to one file.
    pub(crate) fn act(&mut self) -> io::Result<()> {
        self.actions += 1;
        if self.files.is_empty() || self.random.u32(0..100) < 4 {
            return self.begin();
        }
        let position = self.random.usize(0..self.files.len());
        let path = self.folder.join(&self.files[position]);
        let long = fs::metadata(&path)?.len() > LONGEST;
        match self.random.u32(0..100) {
            _ if long => self.rotate(position),
            0..80 => {
                let lines = self.lines();
                OpenOptions::new().append(true).open(path)?.write_all(lines.as_bytes())
            }
            80..84 => self.rotate(position),
            84..88 => {
                // In the middle of a line, more often than not.
                let length = fs::metadata(&path)?.len();
                OpenOptions::new().write(true).open(path)?.set_len(self.random.u64(0..=length))
            }
            88..93 => {
                let aside = self.folder.join("aside");
                fs::write(&aside, self.lines())?;
                fs::rename(aside, path)
            }
            93..97 => fs::write(&path, self.lines()),
            _ => self.delete(position),
        }
    }

    /// A file that was deleted comes back as it was.
    pub(crate) fn restore(&self, root: &Path, session_file: &str) -> io::Result<()> {
        fs::write(root.join(session_file), &self.deleted[session_file])
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.files.len() >= FILES {
            self.delete(0)?;
        }
        self.made += 1;
        let file = format!("{:05}.jsonl", self.made);
        fs::write(self.folder.join(&file), self.lines())?;
        self.files.push(file);
        Ok(())
    }

    /// The file goes on under another name, and a new one begins under its own.
    fn rotate(&mut self, position: usize) -> io::Result<()> {
        if self.files.len() >= FILES {
            return self.delete(position);
        }
        self.made += 1;
        let old = format!("{:05}-old.jsonl", self.made);
        let path = self.folder.join(&self.files[position]);
        fs::rename(&path, self.folder.join(&old))?;
        self.files.push(old);
        fs::write(path, self.lines())
    }

    fn delete(&mut self, position: usize) -> io::Result<()> {
        let file = self.files.remove(position);
        let path = self.folder.join(&file);
        self.deleted.insert(format!("{}/{file}", self.name), fs::read(&path)?);
        fs::remove_file(path)
    }

    /// Some records. Responses are repeated over files and people, with other numbers.
    fn lines(&mut self) -> String {
        (0..self.random.u32(1..30)).map(|_| self.line()).collect()
    }

    fn line(&mut self) -> String {
        let random = &mut self.random;
        let (id, output) = (random.u32(0..20_000), random.u32(1..5_000));
        let time = format!("2026-02-{:02}T{:02}:{:02}:00Z", id % 28 + 1, id % 24, id % 60);
        let name = &self.name;
        if random.u32(0..20) == 0 {
            return format!(
                r#"{{"type":"user","uuid":"p{id}","sessionId":"s-{name}","timestamp":"{time}","message":{{"role":"user","content":"By the way, GMV means gross merchandise value of {output} days before refunds."}}}}"#
            ) + "\n";
        }
        format!(
            r#"{{"type":"assistant","uuid":"u{id}-{output}","sessionId":"s-{name}","timestamp":"{time}","cwd":"/home/{name}","message":{{"id":"m{id}","role":"assistant","model":"claude-opus-4-6","content":[{{"type":"tool_use","id":"t{id}","name":"Bash","input":{{}}}}],"usage":{{"input_tokens":10,"output_tokens":{output}}}}}}}"#
        ) + "\n"
    }
}
