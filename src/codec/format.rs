//! The notations that configuration is read from, and how a file's name says which.

use std::fmt;
use std::path::Path;

/// A notation of instance data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON as of RFC 7951.
    Json,
    /// The JSON shape written as YAML.
    Yaml,
    /// XML as of RFC 7950.
    Xml,
    /// J-style: names, blanks and curly brackets.
    Curly,
    /// `set` lines, as typed into the shell.
    Set,
}

impl Format {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 5] = [Self::Json, Self::Yaml, Self::Xml, Self::Curly, Self::Set];

    /// Tells the notation of a file by its extension.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.extensions().contains(&extension.as_str()))
    }

    /// Returns the extensions of files in this notation, the preferred one first.
    #[must_use]
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Json => &["json"],
            Self::Yaml => &["yaml", "yml"],
            Self::Xml => &["xml"],
            Self::Curly => &["conf", "curly", "cfg"],
            Self::Set => &["set"],
        }
    }

    /// Returns the name that people choose it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Xml => "xml",
            Self::Curly => "curly",
            Self::Set => "set",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_tells_the_notation() {
        let of = |name: &str| Format::from_path(Path::new(name));
        assert_eq!(of("a/b.json"), Some(Format::Json));
        assert_eq!(of("b.YML"), Some(Format::Yaml));
        assert_eq!(of("b.cfg"), Some(Format::Curly));
        assert_eq!(of("b.set"), Some(Format::Set));
        assert_eq!(of("b.json.bak"), None);
        assert_eq!(of("json"), None);
    }
}
