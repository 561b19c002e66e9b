//! Schema nodes while uses, augments and deviations still change them.

use super::keyword::Keyword;
use super::schema::{ModuleId, SchemaId};
use super::statement::StatementId;
use std::sync::Arc;

/// Index of a draft; the root is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DraftId(u32);

impl DraftId {
    /// The root.
    pub(super) const ROOT: Self = Self(0);
}

/// What a draft is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DraftKind {
    Root,
    Container,
    List,
    Leaf,
    LeafList,
    Choice,
    Case,
    AnyData,
    Operation,
    Input,
    Output,
    Notification,
}

impl DraftKind {
    /// Returns the kind of node that a statement defines.
    pub(super) fn of(keyword: Keyword) -> Option<Self> {
        Some(match keyword {
            Keyword::Container => Self::Container,
            Keyword::List => Self::List,
            Keyword::Leaf => Self::Leaf,
            Keyword::LeafList => Self::LeafList,
            Keyword::Choice => Self::Choice,
            Keyword::Case => Self::Case,
            Keyword::Anydata | Keyword::Anyxml => Self::AnyData,
            Keyword::Rpc | Keyword::Action => Self::Operation,
            Keyword::Input => Self::Input,
            Keyword::Output => Self::Output,
            Keyword::Notification => Self::Notification,
            _ => return None,
        })
    }

    /// Returns how a diagnostic names the kind.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Root => "the top level",
            Self::Container => "a container",
            Self::List => "a list",
            Self::Leaf => "a leaf",
            Self::LeafList => "a leaf-list",
            Self::Choice => "a choice",
            Self::Case => "a case",
            Self::AnyData => "anydata",
            Self::Operation => "an operation",
            Self::Input => "an input",
            Self::Output => "an output",
            Self::Notification => "a notification",
        }
    }

    /// Returns whether a refinement or deviation may set that property.
    pub(super) fn takes(self, keyword: Keyword) -> bool {
        use Keyword as K;
        match keyword {
            K::Default => matches!(self, Self::Leaf | Self::LeafList | Self::Choice),
            K::Mandatory => matches!(self, Self::Leaf | Self::Choice | Self::AnyData),
            K::MinElements | K::MaxElements => matches!(self, Self::List | Self::LeafList),
            K::Presence => self == Self::Container,
            K::Unique => self == Self::List,
            K::Type | K::Units => matches!(self, Self::Leaf | Self::LeafList),
            K::Config => matches!(
                self,
                Self::Container | Self::List | Self::Leaf | Self::LeafList | Self::Choice | Self::AnyData
            ),
            K::Must => !matches!(self, Self::Root | Self::Choice | Self::Case | Self::Operation),
            _ => true,
        }
    }
}

/// A node with its properties as statements, so that each keeps its place and the prefixes of its text.
#[derive(Debug)]
pub(super) struct Draft {
    /// What it is.
    pub(super) kind: DraftKind,
    /// Its name.
    pub(super) name: Arc<str>,
    /// The module whose namespace it is in.
    pub(super) module: ModuleId,
    /// The statement that defines it, or that it is implied by.
    pub(super) statement: Option<StatementId>,
    /// Its parent.
    pub(super) parent: DraftId,
    /// Its children in schema order.
    pub(super) children: Vec<DraftId>,
    /// Whether its features are on.
    pub(super) is_enabled: bool,
    /// Whether a deviation took it out.
    pub(super) is_removed: bool,
    /// How many nodes are above it.
    pub(super) depth: u8,
    /// `when` statements; `true` for those of `uses` and `augment`.
    pub(super) whens: Vec<(StatementId, bool)>,
    /// `if-feature` statements, those of `uses` and `refine` included.
    pub(super) if_features: Vec<StatementId>,
    /// `if-feature` statements of the `augment` that brought it.
    pub(super) augment_features: Vec<StatementId>,
    /// Whether a deviation replaced its type.
    pub(super) has_foreign_type: bool,
    /// Extension statements.
    pub(super) extensions: Vec<StatementId>,
    /// What it became in the schema.
    pub(super) id: Option<SchemaId>,
    properties: Vec<(Keyword, StatementId)>,
}

impl Draft {
    /// Returns the statement of a property.
    pub(super) fn property(&self, keyword: Keyword) -> Option<StatementId> {
        self.all(keyword).next()
    }

    /// Returns the statements of a property that may be there several times.
    pub(super) fn all(&self, keyword: Keyword) -> impl Iterator<Item = StatementId> + '_ {
        self.properties.iter().filter(move |(k, _)| *k == keyword).map(|(_, statement)| *statement)
    }

    /// Adds a property.
    pub(super) fn add(&mut self, keyword: Keyword, statement: StatementId) {
        self.properties.push((keyword, statement));
    }

    /// Replaces a property.
    pub(super) fn set(&mut self, keyword: Keyword, statement: StatementId) {
        self.clear(keyword);
        self.add(keyword, statement);
    }

    /// Takes a property out.
    pub(super) fn clear(&mut self, keyword: Keyword) {
        self.properties.retain(|(k, _)| *k != keyword);
    }

    /// Takes one statement of a property out.
    pub(super) fn remove(&mut self, statement: StatementId) {
        self.properties.retain(|(_, s)| *s != statement);
    }
}

/// Most nodes of a schema: the largest published sets stay below half of it, and groupings that use groupings grow without bound.
const DRAFTS_MAX: usize = 1_000_000;

/// Deepest nesting of nodes: published modules stay below 40, and what walks a schema or data below it recurses.
pub(super) const DEPTH_MAX: u8 = 100;

/// Why a node could not be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    TooMany,
    TooDeep,
}

impl Refusal {
    /// Says it.
    pub(super) fn message(self) -> String {
        match self {
            Self::TooMany => format!("the schema has more than {DRAFTS_MAX} nodes"),
            Self::TooDeep => format!("nodes are nested more than {DEPTH_MAX} deep"),
        }
    }
}

/// All drafts.
#[derive(Debug)]
pub(super) struct Drafts {
    list: Vec<Draft>,
}

impl Drafts {
    /// Builds the root.
    pub(super) fn new() -> Self {
        let root = Draft {
            kind: DraftKind::Root,
            name: Arc::from(""),
            module: ModuleId(0),
            statement: None,
            parent: DraftId::ROOT,
            children: Vec::new(),
            is_enabled: true,
            is_removed: false,
            depth: 0,
            whens: Vec::new(),
            if_features: Vec::new(),
            augment_features: Vec::new(),
            has_foreign_type: false,
            extensions: Vec::new(),
            id: Some(SchemaId::ROOT),
            properties: Vec::new(),
        };
        Self { list: vec![root] }
    }

    /// Returns a draft.
    pub(super) fn get(&self, id: DraftId) -> &Draft {
        &self.list[id.0 as usize]
    }

    /// Returns a draft for change.
    pub(super) fn get_mut(&mut self, id: DraftId) -> &mut Draft {
        &mut self.list[id.0 as usize]
    }

    /// Returns whether no more drafts fit.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= DRAFTS_MAX
    }

    /// Adds a child behind those that a draft has.
    pub(super) fn add(
        &mut self,
        parent: DraftId,
        kind: DraftKind,
        name: Arc<str>,
        module: ModuleId,
        statement: StatementId,
    ) -> Result<DraftId, Refusal> {
        let depth = self.get(parent).depth.saturating_add(1);
        if depth > DEPTH_MAX {
            return Err(Refusal::TooDeep);
        }
        let id = self.push(parent, depth, kind, name, module, statement)?;
        self.get_mut(parent).children.push(id);
        Ok(id)
    }

    /// Adds a draft that is nobody's child.
    pub(super) fn add_apart(
        &mut self,
        kind: DraftKind,
        name: Arc<str>,
        module: ModuleId,
        statement: StatementId,
    ) -> Result<DraftId, Refusal> {
        self.push(DraftId::ROOT, 1, kind, name, module, statement)
    }

    fn push(
        &mut self,
        parent: DraftId,
        depth: u8,
        kind: DraftKind,
        name: Arc<str>,
        module: ModuleId,
        statement: StatementId,
    ) -> Result<DraftId, Refusal> {
        if self.is_full() {
            return Err(Refusal::TooMany);
        }
        let id = u32::try_from(self.list.len()).map(DraftId).map_err(|_| Refusal::TooMany)?;
        self.list.push(Draft {
            kind,
            name,
            module,
            statement: Some(statement),
            parent,
            children: Vec::new(),
            is_enabled: true,
            is_removed: false,
            depth,
            whens: Vec::new(),
            if_features: Vec::new(),
            augment_features: Vec::new(),
            has_foreign_type: false,
            extensions: Vec::new(),
            id: None,
            properties: Vec::new(),
        });
        Ok(id)
    }
}
