//! What the agent must still know after it died: one checksummed file per workload, and one about itself.
//!
//! A file that does not match its checksum is set aside and named; the others are not affected. Everything is written before
//! it is acted upon, so that the journal may know of things that were never made, but nothing was made that it does not know.

use super::disk::Disk;
use crate::driver::Runtime;
use ostler_model::workload::blueprint::{Resource, What};
use ostler_model::workload::{Desired, Seen};
use ostler_model::{InstallationId, WorkloadId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

const SELF_FILE: &str = "agent.json";

/// What is known of one workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub want: Desired,
    pub seen: Seen,
    /// What may exist of it, oldest first.
    pub inventory: Vec<Item>,
    /// How to recognise the present run.
    pub run: Option<Value>,
}

/// One thing that may exist on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case")]
pub enum Item {
    Resource(Resource),
    Run { runtime: Runtime },
}

impl Item {
    /// Without what is only needed to make it; the journal need not hold a file's text twice.
    pub fn of(resource: &Resource) -> Self {
        let mut resource = resource.clone();
        if let What::File { content, .. } = &mut resource.what {
            content.clear();
        }
        Item::Resource(resource)
    }
}

/// What the agent knows about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Myself {
    pub installation: InstallationId,
    /// The newest desired state that is stored completely.
    pub desired_seq: u64,
    /// What that state names.
    pub workloads: BTreeSet<WorkloadId>,
    /// Counts the starts of the agent, so that report numbers grow over them.
    pub epoch: u64,
}

/// What was found on disk.
#[derive(Debug, Default)]
pub struct Found {
    pub myself: Option<Myself>,
    pub records: Vec<Record>,
    /// Files that were damaged and set aside.
    pub damaged: Vec<String>,
}

/// The journal. Cheap to clone.
#[derive(Clone)]
pub struct Journal(Arc<dyn Disk>);

impl Journal {
    /// A journal on this disk.
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self(disk)
    }
    /// Everything that can be read. What cannot is set aside and named.
    pub async fn read(&self) -> io::Result<Found> {
        let mut found = Found::default();
        for (name, bytes) in self.0.read_all().await? {
            let is_read = if name == SELF_FILE {
                found.myself = open(&bytes);
                found.myself.is_some()
            } else {
                open::<Record>(&bytes).map(|record| found.records.push(record)).is_some()
            };
            if !is_read {
                self.0.set_aside(name.clone()).await?;
                found.damaged.push(name);
            }
        }
        Ok(found)
    }
    /// Stores what is known of a workload.
    pub async fn put(&self, record: &Record) -> io::Result<()> {
        self.0.write(file_of(record.want.id), seal(record)).await
    }
    /// Forgets a workload.
    pub async fn forget(&self, id: WorkloadId) -> io::Result<()> {
        self.0.remove(file_of(id)).await
    }
    /// Forgets what the agent knows about itself.
    pub async fn forget_self(&self) -> io::Result<()> {
        self.0.remove(SELF_FILE.to_owned()).await
    }
    /// Stores what the agent knows about itself.
    pub async fn put_self(&self, myself: &Myself) -> io::Result<()> {
        self.0.write(SELF_FILE.to_owned(), seal(myself)).await
    }
}

/// The name of a workload's file.
pub fn file_of(id: WorkloadId) -> String {
    format!("{id}.json")
}

fn sum(body: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(body))
}

/// The checksum on the first line, the document after it.
fn seal<T: Serialize>(value: &T) -> Vec<u8> {
    let body = serde_json::to_vec(value).expect("a journal entry is plain data that JSON can hold");
    let mut bytes = sum(&body).into_bytes();
    bytes.push(b'\n');
    bytes.extend_from_slice(&body);
    bytes
}

fn open<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let at = bytes.iter().position(|b| *b == b'\n')?;
    let (head, body) = (&bytes[..at], &bytes[at + 1..]);
    (sum(body).as_bytes() == head).then(|| serde_json::from_slice(body).ok())?
}
