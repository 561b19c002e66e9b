//! The functions: XPath 1.0 §4 and RFC 7950 §10.

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of XPath and YANG")]
pub enum Function {
    BitIsSet,
    Boolean,
    Ceiling,
    Concat,
    Contains,
    Count,
    Current,
    Deref,
    DerivedFrom,
    DerivedFromOrSelf,
    EnumValue,
    False,
    Floor,
    Id,
    Lang,
    Last,
    LocalName,
    Name,
    NamespaceUri,
    NormalizeSpace,
    Not,
    Number,
    Position,
    ReMatch,
    Round,
    StartsWith,
    String,
    StringLength,
    Substring,
    SubstringAfter,
    SubstringBefore,
    Sum,
    Translate,
    True,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nodes,
    Boolean,
    Number,
    Text,
    /// Any of them; only as a parameter.
    Any,
}

impl Kind {
    /// Returns how a diagnostic names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Any => "a value",
        }
    }
}

/// What a function takes and returns.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) function: Function,
    /// The parameters; the last repeats where `most` says so.
    pub(super) parameters: &'static [Kind],
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) returns: Kind,
}

const fn signature(
    name: &'static str,
    function: Function,
    parameters: &'static [Kind],
    least: usize,
    returns: Kind,
) -> Signature {
    Signature { name, function, parameters, least, most: parameters.len(), returns }
}

/// All functions.
pub(super) static SIGNATURES: [Signature; 34] = {
    use Function as F;
    use Kind::{Any, Boolean, Nodes, Number, Text};
    [
        signature("bit-is-set", F::BitIsSet, &[Nodes, Text], 2, Boolean),
        signature("boolean", F::Boolean, &[Any], 1, Boolean),
        signature("ceiling", F::Ceiling, &[Number], 1, Number),
        Signature { most: usize::MAX, ..signature("concat", F::Concat, &[Text, Text], 2, Text) },
        signature("contains", F::Contains, &[Text, Text], 2, Boolean),
        signature("count", F::Count, &[Nodes], 1, Number),
        signature("current", F::Current, &[], 0, Nodes),
        signature("deref", F::Deref, &[Nodes], 1, Nodes),
        signature("derived-from", F::DerivedFrom, &[Nodes, Text], 2, Boolean),
        signature("derived-from-or-self", F::DerivedFromOrSelf, &[Nodes, Text], 2, Boolean),
        signature("enum-value", F::EnumValue, &[Nodes], 1, Number),
        signature("false", F::False, &[], 0, Boolean),
        signature("floor", F::Floor, &[Number], 1, Number),
        signature("id", F::Id, &[Any], 1, Nodes),
        signature("lang", F::Lang, &[Text], 1, Boolean),
        signature("last", F::Last, &[], 0, Number),
        signature("local-name", F::LocalName, &[Nodes], 0, Text),
        signature("name", F::Name, &[Nodes], 0, Text),
        signature("namespace-uri", F::NamespaceUri, &[Nodes], 0, Text),
        signature("normalize-space", F::NormalizeSpace, &[Text], 0, Text),
        signature("not", F::Not, &[Boolean], 1, Boolean),
        signature("number", F::Number, &[Any], 0, Number),
        signature("position", F::Position, &[], 0, Number),
        signature("re-match", F::ReMatch, &[Text, Text], 2, Boolean),
        signature("round", F::Round, &[Number], 1, Number),
        signature("starts-with", F::StartsWith, &[Text, Text], 2, Boolean),
        signature("string", F::String, &[Any], 0, Text),
        signature("string-length", F::StringLength, &[Text], 0, Number),
        signature("substring", F::Substring, &[Text, Number, Number], 2, Text),
        signature("substring-after", F::SubstringAfter, &[Text, Text], 2, Text),
        signature("substring-before", F::SubstringBefore, &[Text, Text], 2, Text),
        signature("sum", F::Sum, &[Nodes], 1, Number),
        signature("translate", F::Translate, &[Text, Text, Text], 3, Text),
        signature("true", F::True, &[], 0, Boolean),
    ]
};

/// Returns the function of a name.
pub(super) fn find(name: &str) -> Option<&'static Signature> {
    SIGNATURES.iter().find(|s| s.name == name)
}

impl Signature {
    /// Returns what the parameter at a position takes.
    pub(super) fn parameter(&self, at: usize) -> Kind {
        self.parameters.get(at).or(self.parameters.last()).copied().unwrap_or(Kind::Any)
    }

    /// Returns how a diagnostic says how many arguments it takes.
    pub(super) fn counts(&self) -> String {
        match (self.least, self.most) {
            (0, 0) => "no argument".to_owned(),
            (1, 1) => "one argument".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, usize::MAX) => format!("{least} arguments or more"),
            (least, most) => format!("{least} to {most} arguments"),
        }
    }
}
