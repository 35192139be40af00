//! Server-Sent Events: a reader for the format, and a stream that comes back after a cut.

use super::{Client, ClientError};
use http::{HeaderMap, HeaderValue};
use std::collections::VecDeque;
use std::time::Duration;

/// The longest line and the longest event. More is not ours.
const FRAME_BYTES: usize = 1 << 20;
/// The server says something at least every 15 seconds; after this much silence the connection is taken for dead.
const SILENCE: Duration = Duration::from_secs(60);
/// Waits between attempts to come back, until a frame arrives.
const BACKOFF: [u64; 6] = [200, 500, 1000, 2000, 5000, 10_000];

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// The newest `id:` so far.
    pub id: Option<String>,
    /// `event:`, empty for plain ones.
    pub event: String,
    /// The `data:` lines, joined.
    pub data: String,
}

/// Takes bytes as they come and gives whole events.
#[derive(Debug, Default)]
pub struct Frames {
    line: Vec<u8>,
    id: Option<String>,
    event: String,
    data: Vec<String>,
    bytes: usize,
    after_cr: bool,
}

/// A stream whose events are longer than any of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

impl Frames {
    /// Adds bytes; the events that became whole.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, TooLong> {
        let mut whole = Vec::new();
        for &b in bytes {
            let skip = b == b'\n' && self.after_cr;
            self.after_cr = b == b'\r';
            match b {
                _ if skip => {}
                b'\n' | b'\r' => whole.extend(self.end_of_line()),
                b => {
                    self.line.push(b);
                    self.bytes += 1;
                    if self.bytes > FRAME_BYTES {
                        return Err(TooLong);
                    }
                }
            }
        }
        Ok(whole)
    }

    /// The newest `id:`, also when no event followed it.
    pub fn last_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn end_of_line(&mut self) -> Option<Frame> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        if line.is_empty() {
            self.bytes = 0;
            let (event, data) = (std::mem::take(&mut self.event), std::mem::take(&mut self.data));
            return (!data.is_empty()).then(|| Frame { id: self.id.clone(), event, data: data.join("\n") });
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "event" => self.event = value.to_owned(),
            "data" => self.data.push(value.to_owned()),
            // Comments and `retry:`: this reader has waits of its own.
            _ => {}
        }
        None
    }
}

/// A stream of events that comes back after a cut and continues where it was, by `Last-Event-ID`.
///
/// Ends only with an error that coming back cannot mend: not allowed any more, not there any more.
#[derive(Debug)]
pub struct Events {
    client: Client,
    path: String,
    open: Option<(reqwest::Response, Frames)>,
    ready: VecDeque<Frame>,
    last_id: Option<String>,
    failures: usize,
    has_opened: bool,
}

impl Events {
    pub(super) fn new(client: Client, path: String) -> Self {
        Self { client, path, open: None, ready: VecDeque::new(), last_id: None, failures: 0, has_opened: false }
    }

    /// The next event. Not cancellation-safe in the middle of a connection attempt: it then begins again.
    pub async fn next(&mut self) -> Result<Frame, ClientError> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Ok(frame);
            }
            if let Err(error) = self.read_more().await {
                self.open = None;
                let is_passing = match &error {
                    ClientError::Unreachable { .. } | ClientError::Cut { .. } => true,
                    ClientError::Refused(refused) => {
                        refused.status.is_server_error() || refused.status == http::StatusCode::TOO_MANY_REQUESTS
                    }
                    _ => false,
                };
                // An address that has never answered is a mistake; one that has will again.
                if !is_passing || !self.has_opened {
                    return Err(error);
                }
                let wait = BACKOFF[self.failures.min(BACKOFF.len() - 1)];
                self.failures += 1;
                (self.client.ground.pause)(Duration::from_millis(wait)).await;
            }
        }
    }

    async fn read_more(&mut self) -> Result<(), ClientError> {
        if self.open.is_none() {
            let mut headers = HeaderMap::new();
            if let Some(id) = self.last_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
                headers.insert("last-event-id", id);
            }
            self.open = Some((self.client.open(&self.path, headers).await?, Frames::default()));
            self.has_opened = true;
        }
        let Some((answer, frames)) = &mut self.open else { return Ok(()) };
        let cut = |why: &str| ClientError::Cut { url: self.client.base.clone(), why: why.to_owned() };
        let silence = (self.client.ground.pause)(SILENCE);
        let chunk = futures_util::future::select(Box::pin(answer.chunk()), silence).await;
        let chunk = match chunk {
            futures_util::future::Either::Left((chunk, _)) => chunk.map_err(|error| cut(&super::chain(&error)))?,
            futures_util::future::Either::Right(_) => return Err(cut("it fell silent")),
        };
        let chunk = chunk.ok_or_else(|| cut("it ended"))?;
        let whole = frames.feed(&chunk).map_err(|_| ClientError::Unreadable {
            url: self.client.base.clone(),
            why: "an event is too long".to_owned(),
        })?;
        self.failures = 0;
        if let Some(id) = frames.last_id() {
            self.last_id = Some(id.to_owned());
        }
        self.ready.extend(whole);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b"retry: 2000\nid: 7\n\n: still here\n\nevent: reset\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\nid: 9\ndata:x\n\n";

    #[test]
    fn events_are_the_same_however_the_bytes_are_cut() {
        let mut whole = Frames::default();
        let all = whole.feed(STREAM).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0], Frame { id: Some("7".into()), event: "reset".into(), data: "{\"a\":\n1}".into() });
        assert_eq!((all[1].id.as_deref(), all[1].data.as_str()), (Some("9"), "x"));
        for at in 0..STREAM.len() {
            let mut cut = Frames::default();
            let mut got = cut.feed(&STREAM[..at]).unwrap();
            got.extend(cut.feed(&STREAM[at..]).unwrap());
            assert_eq!(got, all, "cut at {at}");
        }
    }

    #[test]
    fn an_id_counts_even_when_nothing_follows_it_and_half_an_event_is_none() {
        let mut frames = Frames::default();
        assert_eq!(frames.feed(b"id: 3\n\nid: 4\ndata: half").unwrap(), []);
        assert_eq!(frames.last_id(), Some("4"));
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut frames = Frames::default();
        assert_eq!(frames.feed(&vec![b'x'; FRAME_BYTES + 1]), Err(TooLong));
    }
}
