//! A mail server that keeps what it gets. The protocol is a library's; only the socket is ours.

use mailin::{Action, Handler, Response, SessionBuilder, response};
use ostler_testkit::wait;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail that arrived.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) data: String,
}

impl Mail {
    /// The secret in its link.
    pub(super) fn token(&self) -> String {
        let text = self.data.replace("=\r\n", "").replace("=3D", "=");
        let at = text.find("#token=").expect("a link") + "#token=".len();
        text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
    }
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.data.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// The server. It ends with the test's runtime.
#[derive(Clone)]
pub(super) struct Sink {
    pub(super) address: SocketAddr,
    got: Arc<Mutex<Vec<Mail>>>,
    is_moody: Arc<AtomicBool>,
}

#[derive(Clone)]
struct Keeper {
    sink: Sink,
    mail: Mail,
}

impl Handler for Keeper {
    fn data_start(&mut self, _: &str, from: &str, _: bool, to: &[String]) -> Response {
        self.mail = Mail { from: from.to_owned(), to: to.to_vec(), data: String::new() };
        if self.sink.is_moody.load(Ordering::SeqCst) { response::INTERNAL_ERROR } else { response::OK }
    }
    fn data(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.mail.data.push_str(&String::from_utf8_lossy(bytes));
        Ok(())
    }
    fn data_end(&mut self) -> Response {
        self.sink.got.lock().unwrap().push(self.mail.clone());
        response::OK
    }
}

impl Sink {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sink = Self { address, got: Arc::default(), is_moody: Arc::default() };
        let own = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let own = own.clone();
                tokio::spawn(async move { own.talk(stream, peer.ip()).await });
            }
        });
        sink
    }
    /// Takes nothing until told otherwise.
    pub(super) fn moody(&self, is: bool) {
        self.is_moody.store(is, Ordering::SeqCst);
    }
    pub(super) fn got(&self) -> Vec<Mail> {
        self.got.lock().unwrap().clone()
    }
    /// The mail with this number, counted from 1, once it is there.
    pub(super) async fn mail(&self, number: usize) -> Mail {
        wait::until(&format!("mail {number} is there"), async || self.got().get(number - 1).cloned()).await
    }

    async fn talk(&self, stream: TcpStream, peer: IpAddr) {
        let mail = Mail { from: String::new(), to: vec![], data: String::new() };
        let mut session = SessionBuilder::new("sink.test").build(peer, Keeper { sink: self.clone(), mail });
        let mut stream = BufReader::new(stream);
        let mut answer = session.greeting();
        loop {
            let mut bytes = Vec::new();
            if answer.action != Action::NoReply {
                answer.write_to(&mut bytes).unwrap();
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            if answer.action == Action::Close {
                return;
            }
            let mut line = Vec::new();
            match stream.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => answer = session.process(&line),
            }
        }
    }
}
