//! Silences, and the answers to requests that may be repeated.

use super::error::StoreError;
use super::{Store, WriteTransaction};
use crate::alarm::Silence;
use crate::clock::format_utc;
use rusqlite::OptionalExtension;
use uuid::Uuid;

/// What was answered to a request, under the key that its client gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Digest of the request: the same key with another request is a mistake of the client.
    pub digest: String,
    /// The answer; the store does not look into it.
    pub body: String,
}

impl WriteTransaction<'_> {
    /// Writes a silence; replaces the one of the same identifier.
    ///
    /// # Errors
    /// Those of the database.
    pub fn put_silence(&mut self, silence: &Silence) -> Result<(), StoreError> {
        let body = serde_json::to_string(silence).map_err(StoreError::encode("a silence"))?;
        let sql = "INSERT INTO silence (id, body) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET body = excluded.body";
        self.execute("write a silence", sql, (silence.id.as_bytes(), body))?;
        Ok(())
    }

    /// Removes a silence; one that does not exist is fine.
    ///
    /// # Errors
    /// Those of the database.
    pub fn remove_silence(&mut self, id: Uuid) -> Result<(), StoreError> {
        self.execute("remove a silence", "DELETE FROM silence WHERE id = ?1", [id.as_bytes()])?;
        Ok(())
    }

    /// Returns what was answered to a request of a key, by this group included.
    ///
    /// # Errors
    /// Those of the database.
    pub fn answer(&self, key: &str) -> Result<Option<KeptAnswer>, StoreError> {
        let doing = "read an answer";
        let mut statement = self
            .connection
            .prepare_cached("SELECT digest, body FROM answer WHERE key = ?1")
            .map_err(StoreError::sql(doing))?;
        statement
            .query_row([key], |row| Ok(KeptAnswer { digest: row.get(0)?, body: row.get(1)? }))
            .optional()
            .map_err(StoreError::sql(doing))
    }

    /// Keeps the answer to a request of a key, and forgets all but the newest `kept`.
    ///
    /// # Errors
    /// Those of the database.
    pub fn keep_answer(&mut self, key: &str, answer: &KeptAnswer, kept: u32) -> Result<(), StoreError> {
        let doing = "keep an answer";
        self.bytes = self.bytes.saturating_add(answer.body.len());
        let sql = "INSERT INTO answer (key, digest, time, body) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, time = excluded.time, body = excluded.body";
        self.execute(doing, sql, (key, &answer.digest, format_utc(self.now), &answer.body))?;
        let sql = "DELETE FROM answer WHERE number <= (SELECT max(number) FROM answer) - ?1";
        self.execute(doing, sql, [kept])?;
        Ok(())
    }
}

impl Store {
    /// Returns all silences.
    ///
    /// # Errors
    /// Those of the database.
    pub fn silences(&self) -> Result<Vec<Silence>, StoreError> {
        let doing = "read the silences";
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, body FROM silence").map_err(StoreError::sql(doing))?;
            let rows = statement
                .query_map([], |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, String>(1)?)))
                .map_err(StoreError::sql(doing))?;
            rows.map(|row| {
                let (id, body) = row.map_err(StoreError::sql(doing))?;
                serde_json::from_str(&body).map_err(|e| StoreError::corrupt("silence", Uuid::from_bytes(id), e))
            })
            .collect()
        })
    }
}
