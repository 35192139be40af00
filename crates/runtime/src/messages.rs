//! A stream of bytes in the binary messages of a WebSocket (RFC 6455), for connections that pass proxies which know nothing else.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use std::future::ready;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

/// The largest message that is read: far more than HTTP/2 writes at once.
const MESSAGE_MOST: usize = 4 << 20;

/// The client's `Sec-WebSocket-Key`.
pub fn challenge_key() -> String {
    generate_key()
}

/// The `Sec-WebSocket-Accept` that answers this key.
pub fn accept_key(key: &[u8]) -> String {
    derive_accept_key(key)
}

/// What is written becomes binary messages; what is read is what binary messages hold. Pings are answered.
pub async fn in_messages<S>(io: S, is_client: bool) -> impl AsyncRead + AsyncWrite + Send + Unpin + 'static
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_MOST)).max_frame_size(Some(MESSAGE_MOST));
    let role = if is_client { Role::Client } else { Role::Server };
    let (sink, stream) = WebSocketStream::from_raw_socket(io, role, Some(config)).await.split();
    let bytes = stream.filter_map(|message| {
        ready(match message {
            Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
            Ok(Message::Text(_)) => Some(Err(io::Error::new(io::ErrorKind::InvalidData, "a text message"))),
            Ok(_) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => None,
            Err(error) => Some(Err(io::Error::other(error))),
        })
    });
    let sink = sink.with(|bytes: Bytes| ready(Ok::<_, Error>(Message::Binary(bytes)))).sink_map_err(io::Error::other);
    tokio::io::join(Box::pin(StreamReader::new(bytes)), Box::pin(SinkWriter::new(CopyToBytes::new(sink))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn bytes_arrive_as_they_were_sent_and_the_end_is_an_end() {
        let (near, far) = tokio::io::duplex(1000);
        let (mut near, mut far) = (in_messages(near, true).await, in_messages(far, false).await);
        let sent: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
        let own = sent.clone();
        let writing = tokio::spawn(async move {
            near.write_all(&own).await.unwrap();
            near.shutdown().await.unwrap();
            near
        });
        let mut read = vec![];
        far.read_to_end(&mut read).await.unwrap();
        assert!(read == sent, "{} bytes came", read.len());
        drop(writing.await.unwrap());
    }

    #[tokio::test]
    async fn the_answer_to_a_key_is_that_of_the_standard() {
        assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
