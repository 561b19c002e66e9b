//! The event protocol between the shell's two ends: length-prefixed JSON frames over a Unix socket.
//!
//! A frame is a big-endian `u32` length and that many bytes of JSON, one [`FromClient`] or [`FromDaemon`] message.
//! The client speaks first ([`FromClient::Hello`]); the daemon answers with [`FromDaemon::Welcome`] or
//! [`FromDaemon::Goodbye`]. One line runs at a time.
//!
//! **Invariants**: no input panics; a frame past [`FRAME_BYTES_MAX`] is refused by its length alone, before it is read.

use super::{AskKind, Candidates, Hello, Prompt, Status};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Version of the protocol that this build speaks. Both ends come from one package, so one version is enough.
pub const VERSION: u32 = 1;

/// Longest frame: room for a pasted configuration of many thousand lines, small enough to hold one per session.
pub const FRAME_BYTES_MAX: usize = 1 << 20;

/// Longest piece of output or file in one message: JSON writes a byte as at most six, so it always fits a frame.
pub const CHUNK_BYTES_MAX: usize = 64 << 10;

/// Bytes of the length in front of a frame.
const PREFIX_BYTES: usize = 4;

/// What the client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromClient {
    /// The first message: who connects, and with what.
    Hello(Hello),
    /// A line to run.
    Line {
        /// The client's number for it; not 0.
        id: u64,
        /// The line.
        text: String,
    },
    /// How may the word at `position` go on?
    Complete {
        /// The client's number for the question.
        id: u64,
        /// The line typed so far.
        line: String,
        /// Byte offset of the cursor.
        position: usize,
    },
    /// What may stand at `position`?
    Help {
        /// The client's number for the question.
        id: u64,
        /// The line typed so far.
        line: String,
        /// Byte offset of the cursor.
        position: usize,
    },
    /// The answer to [`FromDaemon::Ask`].
    Reply {
        /// The number of the question.
        ask: u64,
        /// What was answered.
        answer: Answer,
    },
    /// Ctrl-C while a line runs.
    Interrupt {
        /// The line meant: one that has just ended is not the next one.
        id: u64,
    },
    /// The window changed.
    Resize {
        /// Its new width.
        columns: u16,
        /// Its new height.
        rows: u16,
    },
    /// A piece of the file asked for by [`FromDaemon::ReadFile`].
    FileData {
        /// The number of the request.
        ask: u64,
        /// The piece.
        data: String,
        /// Whether it is the last one.
        last: bool,
    },
    /// The file asked for is written.
    FileWritten {
        /// The number of the request.
        ask: u64,
    },
    /// The file asked for could not be read or written.
    FileFailed {
        /// The number of the request.
        ask: u64,
        /// What to tell the person.
        reason: String,
    },
}

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// This.
    Text(String),
    /// Ctrl-D.
    Eof,
    /// Ctrl-C.
    Interrupt,
}

/// Which of the two outputs a text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// What the command was asked for.
    Out,
    /// What is wrong.
    Err,
}

/// What the daemon says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FromDaemon {
    /// The session is open.
    Welcome {
        /// Version of the protocol.
        version: u32,
        /// Number of the session.
        session: u64,
        /// Name of the element's node.
        node: String,
        /// Whom the socket says the client is.
        user: String,
    },
    /// What stands in front of the next line; comes before the `Done` of the line that changed it.
    Prompt(Prompt),
    /// A piece of a line's output.
    Output {
        /// The line.
        id: u64,
        /// Where it belongs.
        stream: Stream,
        /// The text.
        chunk: String,
    },
    /// The answer to `Complete` and `Help`.
    Candidates {
        /// The number of the question.
        id: u64,
        /// The answer.
        candidates: Candidates,
    },
    /// A question to the person.
    Ask {
        /// The daemon's number for it.
        ask: u64,
        /// How the answer is typed.
        kind: AskKind,
        /// What is asked.
        prompt: String,
    },
    /// Something happened: shown above the line being typed.
    Notice {
        /// What.
        text: String,
    },
    /// Read a file of the client's.
    ReadFile {
        /// The daemon's number for the request.
        ask: u64,
        /// Which.
        path: String,
        /// How much of it at most.
        bytes_max: usize,
    },
    /// Write a file of the client's: all pieces have the same number and path.
    WriteFile {
        /// The daemon's number for the request.
        ask: u64,
        /// Which.
        path: String,
        /// The piece.
        data: String,
        /// Whether it is the last one.
        last: bool,
    },
    /// Whether the output of this line may stop at each full screen.
    Paginate {
        /// The line.
        id: u64,
        /// Whether it may.
        wanted: bool,
    },
    /// Whether a blank completes the word in front of it, from now on.
    CompleteOnSpace {
        /// Whether it does.
        wanted: bool,
    },
    /// This line is kept out of history.
    Forget {
        /// The line.
        id: u64,
    },
    /// A line ended.
    Done {
        /// The line.
        id: u64,
        /// How.
        status: Status,
    },
    /// The session ends; nothing follows.
    Goodbye {
        /// Why; empty when the client asked for it.
        reason: String,
    },
}

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Its length is past the limit.
    #[error("a message of {bytes} bytes is longer than the {FRAME_BYTES_MAX} allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It is no message of the protocol.
    #[error("a message is not understood")]
    Malformed(#[source] serde_json::Error),
    /// The stream ended inside it.
    #[error("the connection ended in the middle of a message")]
    Truncated,
    /// The stream failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// Writes a message as a frame.
///
/// # Errors
/// [`FrameError::TooLong`].
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; PREFIX_BYTES];
    serde_json::to_writer(&mut frame, message).map_err(FrameError::Malformed)?;
    let bytes = frame.len() - PREFIX_BYTES;
    let length = u32::try_from(bytes).ok().filter(|_| bytes <= FRAME_BYTES_MAX).ok_or(FrameError::TooLong { bytes })?;
    for (slot, byte) in frame.iter_mut().zip(length.to_be_bytes()) {
        *slot = byte;
    }
    Ok(frame)
}

/// Reads one message from the front of `bytes`, with how many bytes it took; `None` while it is not whole yet.
///
/// # Errors
/// When the frame is too long or its content is no message.
pub fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<Option<(M, usize)>, FrameError> {
    let Some((content, taken)) = frame(bytes)? else { return Ok(None) };
    let message = serde_json::from_slice(content).map_err(FrameError::Malformed)?;
    Ok(Some((message, taken)))
}

/// Finds the content of the frame at the front of `bytes`, and the frame's whole length.
fn frame(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, FrameError> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
    if length > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong { bytes: length });
    }
    Ok(rest.get(..length).map(|content| (content, PREFIX_BYTES + length)))
}

/// Reads one message, waiting for it; `None` at the end of the stream.
///
/// # Errors
/// When the stream fails or ends inside a frame, or the frame is refused.
pub fn read<M: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<M>, FrameError> {
    let mut bytes = Vec::new();
    if stream.take(PREFIX_BYTES as u64).read_to_end(&mut bytes)? == 0 {
        return Ok(None);
    }
    let Some(prefix) = bytes.first_chunk::<PREFIX_BYTES>() else { return Err(FrameError::Truncated) };
    let length = u32::from_be_bytes(*prefix);
    // An empty rest makes `frame` judge the length before anything more is read.
    frame(&bytes)?;
    stream.take(u64::from(length)).read_to_end(&mut bytes)?;
    decode(&bytes)?.map(|(message, _)| Some(message)).ok_or(FrameError::Truncated)
}

/// Reads messages from an asynchronous stream.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads from `stream`.
    pub fn new(stream: R) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Waits for the next message; `None` at the end of the stream. Nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// When the stream fails or ends inside a frame, or the frame is refused.
    pub async fn next<M: DeserializeOwned>(&mut self) -> Result<Option<M>, FrameError> {
        loop {
            if let Some((message, taken)) = decode(&self.buffer)? {
                self.buffer.drain(..taken);
                return Ok(Some(message));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(FrameError::Truncated) };
            }
        }
    }

    /// Returns the version that the unread `Hello` at the front claims: another version's may not be readable otherwise.
    #[must_use]
    pub fn claimed_version(&self) -> Option<u32> {
        #[derive(Deserialize)]
        struct AnyHello {
            version: u32,
        }
        let (content, _) = frame(&self.buffer).ok()??;
        serde_json::from_slice::<AnyHello>(content).ok().map(|hello| hello.version)
    }
}

/// Cuts a text into pieces of at most [`CHUNK_BYTES_MAX`] bytes, at characters; one empty piece for an empty text.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = (0..=CHUNK_BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (piece, left) = text.split_at(end);
        rest = Some(left).filter(|left| !left.is_empty());
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client_message() -> impl Strategy<Value = FromClient> {
        prop_oneof![
            (any::<u64>(), ".*").prop_map(|(id, text)| FromClient::Line { id, text }),
            (any::<u64>(), ".*", any::<usize>()).prop_map(|(id, line, position)| FromClient::Complete {
                id,
                line,
                position
            }),
            (any::<u64>(), ".*").prop_map(|(ask, text)| FromClient::Reply { ask, answer: Answer::Text(text) }),
            any::<u64>().prop_map(|ask| FromClient::Reply { ask, answer: Answer::Eof }),
            (any::<u64>(), ".*", any::<bool>()).prop_map(|(ask, data, last)| FromClient::FileData { ask, data, last }),
            (any::<u32>(), any::<bool>(), any::<Option<(u16, u16)>>()).prop_map(|(version, is_terminal, size)| {
                FromClient::Hello(Hello { version, is_terminal, size, ..Hello::default() })
            }),
        ]
    }

    proptest! {
        #[test]
        fn messages_survive_the_wire(messages in proptest::collection::vec(client_message(), 0..5)) {
            let mut bytes: Vec<u8> = Vec::new();
            for message in &messages {
                bytes.extend(encode(message).unwrap());
            }
            let mut stream = bytes.as_slice();
            for message in &messages {
                prop_assert_eq!(read::<FromClient>(&mut stream).unwrap(), Some(message.clone()));
            }
            prop_assert!(read::<FromClient>(&mut stream).unwrap().is_none());
            let mut rest = bytes.as_slice();
            for message in &messages {
                let (decoded, taken) = decode::<FromClient>(rest).unwrap().unwrap();
                prop_assert_eq!(&decoded, message);
                rest = &rest[taken..];
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(decode::<FromClient>(&bytes));
            drop(decode::<FromDaemon>(&bytes));
            drop(read::<FromDaemon>(&mut bytes.as_slice()));
        }

        #[test]
        fn pieces_join_to_the_text(text in "\\PC{0,40}", times in 0usize..4000) {
            let text = text.repeat(times);
            prop_assert!(pieces(&text).all(|piece| piece.len() <= CHUNK_BYTES_MAX));
            prop_assert_eq!(pieces(&text).collect::<String>(), text);
        }
    }

    #[test]
    fn a_frame_that_is_not_whole_is_waited_for() {
        let whole = encode(&FromClient::Interrupt { id: 7 }).unwrap();
        for end in 0..whole.len() {
            assert!(decode::<FromClient>(&whole[..end]).unwrap().is_none());
            assert!(end == 0 || matches!(read::<FromClient>(&mut &whole[..end]), Err(FrameError::Truncated)));
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_by_its_length() {
        let refused = decode::<FromClient>(&[0x7f, 0xff, 0xff, 0xff]);
        assert!(matches!(refused, Err(FrameError::TooLong { bytes: 0x7fff_ffff })));
        assert!(matches!(read::<FromClient>(&mut &[0xff; 9][..]), Err(FrameError::TooLong { .. })));
        let text = "x".repeat(FRAME_BYTES_MAX);
        assert!(matches!(encode(&FromClient::Line { id: 1, text }), Err(FrameError::TooLong { .. })));
    }

    #[test]
    fn the_worst_piece_fits_a_frame() {
        let chunk = "\u{1}".repeat(CHUNK_BYTES_MAX);
        assert!(encode(&FromDaemon::Output { id: u64::MAX, stream: Stream::Out, chunk }).is_ok());
    }

    #[test]
    fn what_is_no_message_is_malformed() {
        for content in
            ["", "{}", "[1]", "{\"type\":\"nothing\"}", "{\"type\":\"line\",\"id\":-1,\"text\":\"\"}", "\u{1}"]
        {
            let mut bytes = u32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
            bytes.extend(content.as_bytes());
            assert!(matches!(decode::<FromClient>(&bytes), Err(FrameError::Malformed(_))), "{content}");
        }
    }

    #[tokio::test]
    async fn another_versions_hello_still_tells_its_version() {
        let content = br#"{"type":"hello","version":9,"is_terminal":"perhaps"}"#;
        let mut bytes = u32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(content);
        let mut reader = FrameReader::new(bytes.as_slice());
        assert!(matches!(reader.next::<FromClient>().await, Err(FrameError::Malformed(_))));
        assert_eq!(reader.claimed_version(), Some(9));
    }
}
