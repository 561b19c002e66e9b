//! The key file: 256-bit keys for AES-256-GCM-SIV (RFC 8452), created with mode 0600 at first boot.

use super::{OpenError, SEALED_PREFIX, Sealer, Secret};
use crate::persist;
use aes_gcm_siv::aead::{Aead, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use zeroize::{Zeroize, Zeroizing};

const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;

/// First line of the key file: names the format, so that a later one can be told apart.
const FILE_HEADER: &str = "annunciator-keys 1";

/// Largest key file read: some hundred keys, one for each time that the key was changed.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// Why the key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// Reading or writing failed.
    #[error("cannot use the key file `{path}`")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The content is not that of a key file.
    #[error("`{path}` is not a key file: expected the line `annunciator-keys 1` and one base64 key of 32 bytes a line")]
    Malformed {
        /// The file.
        path: String,
    },
    /// Others than the owner can read it.
    #[error("the key file `{path}` has mode {mode:o}; only its owner may read it (chmod 600)")]
    TooOpen {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// Another user owns it, and could read or replace it.
    #[error("the key file `{path}` belongs to uid {owner}, and the element runs as uid {user} (chown {user})")]
    Foreign {
        /// The file.
        path: String,
        /// Whose it is.
        owner: u32,
        /// Whom the element runs as.
        user: u32,
    },
    /// There is no room for another key.
    #[error("the key file has {KEYS_MAX} keys already")]
    Full,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

struct Key {
    id: [u8; KEY_ID_BYTES],
    cipher: Aes256GcmSiv,
}

/// Keys kept at most: what the key file has room for. Old ones are needed for as long as a revision has a value that
/// they sealed, and nobody changes keys more often than every few days.
const KEYS_MAX: usize = 300;

/// The keys of this element: the first seals, all open.
pub struct KeyRing {
    keys: RwLock<Vec<Key>>,
    /// Where they are kept; `None` for keys that are written nowhere.
    path: Option<PathBuf>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys)", self.read().len())
    }
}

impl KeyRing {
    /// Builds a ring with one key that is written nowhere.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn ephemeral() -> Result<Self, KeyRingError> {
        Ok(Self { keys: RwLock::new(vec![Key::new(&random_key()?)]), path: None })
    }

    /// Reads the key file, or creates it with a new key and mode 0600.
    ///
    /// # Errors
    /// When it cannot be read or written, is readable by others, belongs to another user, or is no key file.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyRingError> {
        let io = |source| KeyRingError::Io { path: path.display().to_string(), source };
        // A link that leads nowhere is a key that is lost, not one that was never made: `load` tells it.
        if std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            let key = random_key()?;
            let text = Zeroizing::new(format!("{FILE_HEADER}\n{}\n", STANDARD.encode(&*key)));
            persist::write_atomically(path, text.as_bytes(), 0o600).map_err(io)?;
        }
        Self::load(path)
    }

    /// Reads the key file.
    ///
    /// # Errors
    /// When it cannot be read, is readable by others, belongs to another user, or is no key file.
    pub fn load(path: &Path) -> Result<Self, KeyRingError> {
        let text = read_private(path)?;
        let malformed = || KeyRingError::Malformed { path: path.display().to_string() };
        let mut lines = text.lines();
        if lines.next() != Some(FILE_HEADER) {
            return Err(malformed());
        }
        let mut keys = Vec::new();
        for line in lines.filter(|l| !l.trim().is_empty()) {
            let bytes = STANDARD.decode(line.trim()).map(Zeroizing::new);
            match bytes {
                Ok(bytes) if bytes.len() == KEY_BYTES => keys.push(Key::new(&bytes)),
                _ => return Err(malformed()),
            }
        }
        if keys.is_empty() {
            return Err(malformed());
        }
        Ok(Self { keys: RwLock::new(keys), path: Some(path.to_owned()) })
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Key>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a key in front of those in a key file.
fn write_first(path: &Path, key: &[u8]) -> Result<(), KeyRingError> {
    let text = read_private(path)?;
    let rest = text.strip_prefix(FILE_HEADER).unwrap_or_default().trim_start_matches('\n');
    let encoded = Zeroizing::new(STANDARD.encode(key));
    // Room for all of it, so that growing leaves no copy behind that is not zeroised.
    let mut new = Zeroizing::new(String::with_capacity(text.len().saturating_add(encoded.len()).saturating_add(2)));
    for part in [FILE_HEADER, "\n", &encoded, "\n", rest] {
        new.push_str(part);
    }
    persist::write_atomically(path, new.as_bytes(), 0o600)
        .map_err(|source| KeyRingError::Io { path: path.display().to_string(), source })
}

/// Reads a file that nobody else may have seen.
fn read_private(path: &Path) -> Result<Zeroizing<String>, KeyRingError> {
    let name = || path.display().to_string();
    let io = |source| KeyRingError::Io { path: name(), source };
    let mut file = File::open(path).map_err(io)?;
    let about = file.metadata().map_err(io)?;
    if !about.is_file() {
        return Err(KeyRingError::Malformed { path: name() });
    }
    refuse_exposed(path, about.uid(), nix::unistd::geteuid().as_raw(), about.mode() & 0o7777)?;
    let room = usize::try_from(about.len().min(FILE_BYTES_MAX)).unwrap_or(0).saturating_add(1);
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.by_ref().take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}

/// Refuses a key file that others than the element's user may have seen or may replace.
fn refuse_exposed(path: &Path, owner: u32, user: u32, mode: u32) -> Result<(), KeyRingError> {
    let path = path.display().to_string();
    if owner != user {
        return Err(KeyRingError::Foreign { path, owner, user });
    }
    if mode & 0o077 != 0 {
        return Err(KeyRingError::TooOpen { path, mode });
    }
    Ok(())
}

impl Key {
    fn new(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        Self { id, cipher: Aes256GcmSiv::new(aes_gcm_siv::Key::<Aes256GcmSiv>::from_slice(bytes)) }
    }
}

fn random_key() -> Result<Zeroizing<Vec<u8>>, KeyRingError> {
    let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
    getrandom::fill(&mut key).map_err(KeyRingError::Random)?;
    Ok(key)
}

/// Returns a nonce: random, and where the system gives none, derived from the text (GCM-SIV keeps its
/// secrecy under a repeated nonce and only shows that two texts are equal, RFC 8452 §1).
fn nonce(clear: &str) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    if getrandom::fill(&mut nonce).is_err() {
        nonce.copy_from_slice(&Sha256::digest(clear.as_bytes())[..NONCE_BYTES]);
    }
    nonce
}

impl Sealer for KeyRing {
    fn seal(&self, clear: &str) -> String {
        let nonce = nonce(clear);
        let keys = self.read();
        let Some(key) = keys.first() else { return SEALED_PREFIX.to_owned() };
        let mut bytes = Vec::with_capacity(KEY_ID_BYTES + NONCE_BYTES + clear.len() + 16);
        bytes.extend_from_slice(&key.id);
        bytes.extend_from_slice(&nonce);
        // Encryption fails only past 64 GiB of text; an empty ciphertext then opens as damaged, never as clear text.
        bytes.extend(key.cipher.encrypt(Nonce::from_slice(&nonce), clear.as_bytes()).unwrap_or_default());
        format!("{SEALED_PREFIX}{}", STANDARD.encode(bytes))
    }

    fn open(&self, sealed: &str) -> Result<Secret, OpenError> {
        let text = sealed.strip_prefix(SEALED_PREFIX).ok_or(OpenError::Malformed)?;
        let bytes = STANDARD.decode(text).map_err(|_| OpenError::Malformed)?;
        if bytes.len() < KEY_ID_BYTES + NONCE_BYTES + 16 {
            return Err(OpenError::Malformed);
        }
        let (id, rest) = bytes.split_at(KEY_ID_BYTES);
        let (nonce, ciphertext) = rest.split_at(NONCE_BYTES);
        let keys = self.read();
        let key = keys.iter().find(|k| k.id == id).ok_or(OpenError::UnknownKey)?;
        let clear = key.cipher.decrypt(Nonce::from_slice(nonce), ciphertext).map_err(|_| OpenError::Damaged)?;
        String::from_utf8(clear).map(Secret::new).map_err(|error| {
            error.into_bytes().zeroize();
            OpenError::Damaged
        })
    }

    fn is_current(&self, sealed: &str) -> bool {
        let keys = self.read();
        let text = sealed.strip_prefix(SEALED_PREFIX);
        let bytes = text.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        keys.first().is_some_and(|key| bytes.starts_with(&key.id))
    }

    fn rotate(&self) -> Result<(), KeyRingError> {
        let key = random_key()?;
        // Held until the file is written: of two who rotate at once, neither overwrites the other's key.
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_MAX {
            return Err(KeyRingError::Full);
        }
        if let Some(path) = &self.path {
            write_first(path, &key)?;
        }
        keys.insert(0, Key::new(&key));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_again_and_hides_equality() -> Result<(), KeyRingError> {
        let ring = KeyRing::ephemeral()?;
        let (one, two) = (ring.seal("s3cret"), ring.seal("s3cret"));
        assert_ne!(one, two);
        assert_eq!(ring.open(&one), Ok(Secret::new("s3cret")));
        assert_eq!(KeyRing::ephemeral()?.open(&one), Err(OpenError::UnknownKey));
        assert_eq!(ring.open("$9$AAAA"), Err(OpenError::Malformed));
        Ok(())
    }

    #[test]
    fn a_key_file_that_others_may_read_or_own_is_refused() {
        let path = Path::new("secret.key");
        assert!(refuse_exposed(path, 7, 7, 0o600).is_ok());
        assert!(matches!(refuse_exposed(path, 7, 7, 0o640), Err(KeyRingError::TooOpen { mode: 0o640, .. })));
        assert!(matches!(refuse_exposed(path, 8, 7, 0o600), Err(KeyRingError::Foreign { owner: 8, user: 7, .. })));
        assert!(matches!(refuse_exposed(path, 0, 7, 0o600), Err(KeyRingError::Foreign { .. })));
    }

    #[test]
    fn the_owner_and_mode_of_the_file_itself_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        KeyRing::load_or_create(&path).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o604)).unwrap();
        assert!(matches!(KeyRing::load(&path), Err(KeyRingError::TooOpen { .. })));
        // Only root can give a file away.
        if nix::unistd::geteuid().is_root() {
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            std::os::unix::fs::chown(&path, Some(1), None).unwrap();
            assert!(matches!(KeyRing::load(&path), Err(KeyRingError::Foreign { owner: 1, .. })));
        }
        let lost = folder.path().join("link.key");
        std::os::unix::fs::symlink(folder.path().join("absent"), &lost).unwrap();
        assert!(matches!(KeyRing::load_or_create(&lost), Err(KeyRingError::Io { .. })));
    }

    #[test]
    fn a_flipped_bit_is_damage() -> Result<(), KeyRingError> {
        let ring = KeyRing::ephemeral()?;
        let sealed = ring.seal("s3cret");
        let mut bytes = STANDARD.decode(&sealed[SEALED_PREFIX.len()..]).unwrap_or_default();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        assert_eq!(ring.open(&format!("$9${}", STANDARD.encode(bytes))), Err(OpenError::Damaged));
        Ok(())
    }

    #[test]
    fn a_new_key_seals_and_the_old_ones_still_open_after_a_restart_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let ring = KeyRing::load_or_create(&path).unwrap();
        let old = ring.seal("s3cret");
        assert!(ring.is_current(&old));
        ring.rotate().unwrap();
        let new = ring.seal("s3cret");
        assert!(!ring.is_current(&old) && ring.is_current(&new));
        assert_eq!(
            (persist::mode(&path).unwrap(), std::fs::read_to_string(&path).unwrap().lines().count()),
            (0o600, 3)
        );
        let again = KeyRing::load(&path).unwrap();
        for sealed in [&old, &new] {
            assert_eq!(again.open(sealed), Ok(Secret::new("s3cret")));
            assert_eq!(ring.open(sealed), Ok(Secret::new("s3cret")));
        }
        assert!(again.is_current(&new) && !again.is_current("$9$AAAA") && !again.is_current("$9$"));
    }

    #[test]
    fn a_key_that_cannot_be_written_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let ring = KeyRing::load_or_create(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let sealed = ring.seal("s3cret");
        assert!(matches!(ring.rotate(), Err(KeyRingError::Io { .. })));
        assert!(ring.is_current(&sealed) && !path.exists());
    }
}
