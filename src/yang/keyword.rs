//! The keywords of YANG 1.1 (RFC 7950 §14).

use std::fmt;

macro_rules! keywords {
    ($($variant:ident $text:literal,)*) => {
        /// A keyword that YANG itself defines.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) enum Keyword {
            $($variant,)*
        }

        impl Keyword {
            /// All of them.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the keyword as modules write it.
            pub(super) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Returns the keyword that a word is.
            pub(super) fn parse(word: &str) -> Option<Self> {
                match word {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

keywords! {
    Action "action",
    Anydata "anydata",
    Anyxml "anyxml",
    Argument "argument",
    Augment "augment",
    Base "base",
    BelongsTo "belongs-to",
    Bit "bit",
    Case "case",
    Choice "choice",
    Config "config",
    Contact "contact",
    Container "container",
    Default "default",
    Description "description",
    Deviate "deviate",
    Deviation "deviation",
    Enum "enum",
    ErrorAppTag "error-app-tag",
    ErrorMessage "error-message",
    Extension "extension",
    Feature "feature",
    FractionDigits "fraction-digits",
    Grouping "grouping",
    Identity "identity",
    IfFeature "if-feature",
    Import "import",
    Include "include",
    Input "input",
    Key "key",
    Leaf "leaf",
    LeafList "leaf-list",
    Length "length",
    List "list",
    Mandatory "mandatory",
    MaxElements "max-elements",
    MinElements "min-elements",
    Modifier "modifier",
    Module "module",
    Must "must",
    Namespace "namespace",
    Notification "notification",
    OrderedBy "ordered-by",
    Organization "organization",
    Output "output",
    Path "path",
    Pattern "pattern",
    Position "position",
    Prefix "prefix",
    Presence "presence",
    Range "range",
    Reference "reference",
    Refine "refine",
    RequireInstance "require-instance",
    Revision "revision",
    RevisionDate "revision-date",
    Rpc "rpc",
    Status "status",
    Submodule "submodule",
    Type "type",
    Typedef "typedef",
    Unique "unique",
    Units "units",
    Uses "uses",
    Value "value",
    When "when",
    YangVersion "yang-version",
    YinElement "yin-element",
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
