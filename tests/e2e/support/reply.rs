//! What the recorder answers.

use std::time::Duration;

/// An answer, and when it is given.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: Vec<u8>,
    delay: Duration,
    is_cut: bool,
}

impl Reply {
    /// An empty answer.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, fields: Vec::new(), body: Vec::new(), delay: Duration::ZERO, is_cut: false }
    }

    /// A 200 with this body.
    pub(crate) fn text(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).holding(body)
    }

    /// The same with this body.
    pub(crate) fn holding(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// A 302 to a URL.
    pub(crate) fn redirect(url: impl Into<String>) -> Self {
        Self::status(302).field("location", url)
    }

    pub(crate) fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Comes so late.
    pub(crate) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Breaks off before its end.
    pub(crate) fn cut(self) -> Self {
        Self { is_cut: true, ..self }
    }

    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let length = self.body.len() + usize::from(self.is_cut);
        let mut bytes = format!("HTTP/1.1 {} \r\nContent-Length: {length}\r\n", self.status).into_bytes();
        for (name, value) in &self.fields {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}
