//! The compiled schema: an arena of schema nodes with everything resolved that data needs.

use crate::diagnostic::{Source, Span};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Index of a schema node in its [`SchemaTree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaId(pub(crate) u32);

impl SchemaId {
    /// The root, parent of all top-level nodes.
    pub const ROOT: Self = Self(0);

    /// Returns the position in the arena.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index of a module in its [`SchemaTree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub(crate) u32);

impl ModuleId {
    /// Returns the position among the modules.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Index of an identity in its [`SchemaTree`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityId(pub(crate) u32);

impl IdentityId {
    /// Returns the position among the identities.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What the prefixes stand for that one text declares: a module and its submodules may use one prefix for two modules.
pub type Prefixes = Arc<HashMap<Arc<str>, ModuleId>>;

/// A module of the set (RFC 7950 §5.1).
#[derive(Debug)]
pub struct Module {
    /// Its name.
    pub name: Arc<str>,
    /// Its XML namespace.
    pub namespace: Arc<str>,
    /// Its own prefix.
    pub prefix: Arc<str>,
    /// Its latest revision date, when it states one.
    pub revision: Option<Arc<str>>,
    /// What it is for.
    pub description: Option<Arc<str>>,
    /// The modules it imports, by the prefix it uses for them, and itself by its own prefix; those of its submodules too,
    /// where they do not mean something else. An expression has those of its own text.
    pub prefixes: HashMap<Arc<str>, ModuleId>,
    /// Whether its data nodes are implemented, or it was only imported for definitions.
    pub implemented: bool,
    /// The features that it defines, on or off, in the order written.
    pub features: Vec<Arc<str>>,
    /// Its submodules, in the order included.
    pub submodules: Vec<Submodule>,
    /// The name of the submodule that stands here alone, without the module it belongs to.
    pub part: Option<Arc<str>>,
}

/// A submodule of a module (RFC 7950 §7.2).
#[derive(Debug)]
pub struct Submodule {
    /// Its name.
    pub name: Arc<str>,
    /// Its text.
    pub source: Arc<Source>,
    /// The names of the submodules that it includes itself.
    pub includes: Vec<Arc<str>>,
}

/// An `augment` at the top level of a module (RFC 7950 §7.17).
#[derive(Debug)]
pub struct Augment {
    /// The module that adds.
    pub module: ModuleId,
    /// The path as written.
    pub path: Arc<str>,
    /// The node it adds to.
    pub target: SchemaId,
    /// The nodes it adds, cases that it implies left out for what is in them.
    pub nodes: Vec<SchemaId>,
    /// Where it is written.
    pub span: Span,
}

/// How modules write a node, where the tree has what it comes to: for those who show modules to people.
#[derive(Debug, Clone)]
pub struct Written {
    /// The keyword of its statement, `case` for an implied one.
    pub keyword: &'static str,
    /// Its own `status`.
    pub status: Status,
    /// The `if-feature` expressions that it depends on, those of the `uses` and `augment` that brought it included.
    pub if_features: Vec<Arc<str>>,
    /// The name of its type.
    pub type_name: Option<Arc<str>>,
    /// The argument of `key`.
    pub key: Option<Arc<str>>,
}

/// An identity (RFC 7950 §7.18).
#[derive(Debug)]
pub struct Identity {
    /// The module that defines it.
    pub module: ModuleId,
    /// Its name.
    pub name: Arc<str>,
    /// The identities it is derived from directly.
    pub bases: Vec<IdentityId>,
    /// What it stands for.
    pub description: Option<Arc<str>>,
}

/// A statement of a keyword that an `extension` statement defines (RFC 7950 §7.19), kept as written.
#[derive(Debug, Clone)]
pub struct ExtensionUse {
    /// The name of the module that defines the keyword.
    pub module: Arc<str>,
    /// The keyword without prefix.
    pub name: Arc<str>,
    /// Its argument.
    pub argument: Option<Arc<str>>,
    /// Where it is written.
    pub span: Span,
}

/// `must` (RFC 7950 §7.5.3) or `when` (§7.21.5) as written, with the module whose prefixes it uses.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The XPath expression.
    pub xpath: Arc<str>,
    /// The module whose text the expression is in: names without prefix are its own.
    pub module: ModuleId,
    /// The prefixes that the expression may use.
    pub prefixes: Prefixes,
    /// What to say when it does not hold.
    pub error_message: Option<Arc<str>>,
    /// The machine's name for that fault.
    pub error_app_tag: Option<Arc<str>>,
    /// Where it is written.
    pub span: Span,
    /// The expression compiled; nothing only while the schema is not whole.
    pub expression: Option<Arc<super::xpath::Expression>>,
}

/// `status` (RFC 7950 §7.21.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// In use.
    Current,
    /// Still there, not for new use.
    Deprecated,
    /// No longer to be used.
    Obsolete,
}

/// A node of the schema.
#[derive(Debug)]
pub struct SchemaNode {
    /// Its own index.
    pub id: SchemaId,
    /// Its parent in the schema, choices and cases included; `None` for the root.
    pub parent: Option<SchemaId>,
    /// Its nearest ancestor that is neither choice nor case: a container, a list or the root; within an operation or
    /// notification, its input, output or the notification itself.
    pub data_parent: SchemaId,
    /// The module whose namespace it is in (that of an augment's module, for augmented nodes).
    pub module: ModuleId,
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: NodeKind,
    /// Children in schema order, choices and cases included.
    pub children: Vec<SchemaId>,
    /// Children that have instances, in schema order: choices and cases replaced by what is in them. Actions and notifications are not in here.
    pub data_children: Vec<SchemaId>,
    /// Position in the data parent's `data_children`.
    pub slot: u32,
    /// How many lists there are on the way from the root, this node included.
    pub list_depth: u8,
    /// Whether it is configuration (RFC 7950 §7.21.1); never within an operation or notification.
    pub config: bool,
    /// Whether it is mandatory (leaf, choice, anydata).
    pub mandatory: bool,
    /// `status`.
    pub status: Status,
    /// `description`.
    pub description: Option<Arc<str>>,
    /// `reference`.
    pub reference: Option<Arc<str>>,
    /// `must` conditions.
    pub musts: Vec<Condition>,
    /// `when` conditions; `true` marks one that comes from `uses` or `augment` and is evaluated on the parent.
    pub whens: Vec<(Condition, bool)>,
    /// Statements of extension keywords.
    pub extensions: Vec<ExtensionUse>,
    /// Where it is defined.
    pub span: Option<Span>,
    /// How the modules write it.
    pub written: Written,
}

/// What a schema node is.
#[derive(Debug)]
pub enum NodeKind {
    /// The root.
    Root,
    /// `container`.
    Container {
        /// The meaning of its presence, for a presence container.
        presence: Option<Arc<str>>,
    },
    /// `list`.
    List(ListSchema),
    /// `leaf`.
    Leaf(LeafSchema),
    /// `leaf-list`.
    LeafList(LeafListSchema),
    /// `choice`.
    Choice {
        /// Its default case.
        default: Option<SchemaId>,
    },
    /// `case`, written or implied.
    Case,
    /// `anydata` or `anyxml`.
    AnyData,
    /// `rpc` or `action`.
    Operation,
    /// `input` of an operation.
    Input,
    /// `output` of an operation.
    Output,
    /// `notification`.
    Notification,
}

/// What only a list has.
#[derive(Debug)]
pub struct ListSchema {
    /// Its key leaves in key order; empty for a keyless list (`config false` only).
    pub keys: Vec<SchemaId>,
    /// `ordered-by user`.
    pub user_ordered: bool,
    /// `min-elements`.
    pub min_elements: u64,
    /// `max-elements`.
    pub max_elements: Option<u64>,
    /// `unique`: each a tuple of leaves below the list.
    pub unique: Vec<Vec<SchemaId>>,
}

/// What only a leaf has.
#[derive(Debug)]
pub struct LeafSchema {
    /// Its type.
    pub ty: Arc<Type>,
    /// Its default in canonical form, its own or its type's; an identity is written `module:name` (RFC 7951 §6.8).
    pub default: Option<Arc<str>>,
    /// `units`.
    pub units: Option<Arc<str>>,
    /// Whether it is a key of its list.
    pub is_key: bool,
    /// Whether its value is encrypted at rest (`ann:secret`).
    pub secret: bool,
}

/// What only a leaf-list has.
#[derive(Debug)]
pub struct LeafListSchema {
    /// Its type.
    pub ty: Arc<Type>,
    /// Its defaults in canonical form, its own or its type's.
    pub defaults: Vec<Arc<str>>,
    /// `units`.
    pub units: Option<Arc<str>>,
    /// `ordered-by user`.
    pub user_ordered: bool,
    /// `min-elements`.
    pub min_elements: u64,
    /// `max-elements`.
    pub max_elements: Option<u64>,
    /// Whether its values are encrypted at rest (`ann:secret`).
    pub secret: bool,
}

/// A type with its restrictions (RFC 7950 §9).
#[derive(Debug, Clone)]
pub struct Type {
    /// Its name as the schema writes it (`inet:port-number`, `string`).
    pub name: Arc<str>,
    /// What it comes down to.
    pub base: BaseType,
    /// The default of the typedef it comes from.
    pub default: Option<Arc<str>>,
    /// The units of the typedef it comes from.
    pub units: Option<Arc<str>>,
}

impl Type {
    /// Returns the name without the prefix that the schema writes in front of it: what people are told.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.name.rsplit_once(':').map_or(&self.name, |(_, local)| local)
    }
}

/// A built-in type with its restrictions.
#[derive(Debug, Clone)]
pub enum BaseType {
    /// `binary`; the length counts bytes.
    Binary {
        /// `length`.
        length: Option<Restriction<u64>>,
    },
    /// `bits`.
    Bits(Vec<Bit>),
    /// `boolean`.
    Boolean,
    /// `decimal64`; values and ranges are scaled by ten to the fraction digits.
    Decimal64 {
        /// `fraction-digits`, 1 to 18.
        fraction_digits: u8,
        /// `range`.
        range: Option<Restriction<i64>>,
    },
    /// `empty`.
    Empty,
    /// `enumeration`.
    Enumeration(Vec<EnumMember>),
    /// `identityref`.
    IdentityRef {
        /// A value must be derived from all of them.
        bases: Vec<IdentityId>,
    },
    /// `instance-identifier`.
    InstanceIdentifier {
        /// `require-instance`.
        require_instance: bool,
    },
    /// `int8` to `uint64`.
    Integer {
        /// Which of the eight.
        kind: IntegerKind,
        /// `range`.
        range: Option<Restriction<i128>>,
    },
    /// `leafref`.
    Leafref(Leafref),
    /// `string`; the length counts characters.
    String {
        /// `length`.
        length: Option<Restriction<u64>>,
        /// `pattern`s, all of which must hold.
        patterns: Vec<Pattern>,
    },
    /// `union`, members in order.
    Union(Vec<Arc<Type>>),
}

/// `leafref` (RFC 7950 §9.9).
#[derive(Debug, Clone)]
pub struct Leafref {
    /// The path as written.
    pub path: Arc<str>,
    /// The module whose text the path is in.
    pub module: ModuleId,
    /// The prefixes that the path may use.
    pub prefixes: Prefixes,
    /// The leaf or leaf-list it leads to.
    pub target: SchemaId,
    /// The target's own type.
    pub target_type: Arc<Type>,
    /// `require-instance`.
    pub require_instance: bool,
    /// The predicates of the path, all of which must hold for the target's instance.
    pub predicates: Vec<LeafrefPredicate>,
    /// How deletion of the target treats the reference: the argument of `ann:on-delete`.
    pub on_delete: Option<Arc<str>>,
}

/// A predicate in the path of a leafref: `[key = current()/../value]` (RFC 7950 §9.9.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafrefPredicate {
    /// The leaf of a list on the way to the target.
    pub key: SchemaId,
    /// The leaf whose value it must have.
    pub value: SchemaId,
    /// How many steps `value`'s way goes up from the referring leaf before it goes down.
    pub up: usize,
}

/// A member of an enumeration.
#[derive(Debug, Clone)]
pub struct EnumMember {
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub value: i32,
    /// What it stands for.
    pub description: Option<Arc<str>>,
}

/// A member of a bits type.
#[derive(Debug, Clone)]
pub struct Bit {
    /// Its name.
    pub name: Arc<str>,
    /// Its position.
    pub position: u32,
    /// What it stands for.
    pub description: Option<Arc<str>>,
}

/// The eight integer types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of RFC 7950 §9.2")]
pub enum IntegerKind {
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
}

impl IntegerKind {
    /// Returns the smallest and largest value.
    #[must_use]
    pub fn bounds(self) -> (i128, i128) {
        match self {
            Self::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Self::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Self::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => (i64::MIN.into(), i64::MAX.into()),
            Self::Uint8 => (0, u8::MAX.into()),
            Self::Uint16 => (0, u16::MAX.into()),
            Self::Uint32 => (0, u32::MAX.into()),
            Self::Uint64 => (0, u64::MAX.into()),
        }
    }

    /// Returns whether JSON writes it as a string (RFC 7951 §6.1).
    #[must_use]
    pub fn is_64_bit(self) -> bool {
        matches!(self, Self::Int64 | Self::Uint64)
    }

    /// Returns the type's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
        }
    }
}

/// `range` or `length`: the parts in rising order, and what to say when a value is outside.
#[derive(Debug, Clone)]
pub struct Restriction<T> {
    /// Inclusive bounds.
    pub parts: Vec<(T, T)>,
    /// `error-message`.
    pub error_message: Option<Arc<str>>,
    /// `error-app-tag`.
    pub error_app_tag: Option<Arc<str>>,
}

impl<T: PartialOrd + Copy + std::fmt::Display> Restriction<T> {
    /// Returns whether a value is inside one of the parts.
    #[must_use]
    pub fn contains(&self, value: T) -> bool {
        self.parts.iter().any(|(low, high)| *low <= value && value <= *high)
    }

    /// Writes the parts as YANG does: `1..4 | 10`.
    #[must_use]
    pub fn describe(&self) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(low, high)| if low == high { low.to_string() } else { format!("{low}..{high}") })
            .collect();
        parts.join(" | ")
    }
}

/// `pattern` (RFC 7950 §9.4.5), translated from XSD.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As the schema writes it.
    pub text: Arc<str>,
    /// The translation, anchored at both ends.
    pub regex: regex::Regex,
    /// `modifier invert-match`.
    pub invert_match: bool,
    /// `error-message`.
    pub error_message: Option<Arc<str>>,
    /// `error-app-tag`.
    pub error_app_tag: Option<Arc<str>>,
}

impl Pattern {
    /// Returns whether a value satisfies the pattern.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value) != self.invert_match
    }
}

/// The schema of a module set. Immutable once compiled; shared by everything.
#[derive(Debug)]
pub struct SchemaTree {
    pub(crate) nodes: Vec<SchemaNode>,
    pub(crate) modules: Vec<Module>,
    pub(crate) identities: Vec<Identity>,
    pub(crate) by_name: HashMap<SchemaId, HashMap<Arc<str>, Vec<SchemaId>>>,
    pub(crate) augments: Vec<Augment>,
}

impl SchemaTree {
    /// Returns a node.
    #[must_use]
    pub fn node(&self, id: SchemaId) -> &SchemaNode {
        &self.nodes[id.index()]
    }

    /// Returns all nodes, the root first, parents before children.
    #[must_use]
    pub fn nodes(&self) -> &[SchemaNode] {
        &self.nodes
    }

    /// Returns a module.
    #[must_use]
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.index()]
    }

    /// Returns all modules.
    #[must_use]
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// Returns the indices of all modules.
    pub fn module_ids(&self) -> impl Iterator<Item = ModuleId> + use<> {
        (0..u32::try_from(self.modules.len()).unwrap_or(u32::MAX)).map(ModuleId)
    }

    /// Returns the module of that name.
    #[must_use]
    pub fn module_by_name(&self, name: &str) -> Option<ModuleId> {
        let named =
            |implemented: bool| self.modules.iter().position(|m| &*m.name == name && (m.implemented || !implemented));
        // Of several revisions the implemented one is meant.
        named(true).or_else(|| named(false)).and_then(|at| u32::try_from(at).ok()).map(ModuleId)
    }

    /// Returns the augments of all modules, module by module in the order written.
    #[must_use]
    pub fn augments(&self) -> &[Augment] {
        &self.augments
    }

    /// Returns an identity.
    #[must_use]
    pub fn identity(&self, id: IdentityId) -> &Identity {
        &self.identities[id.index()]
    }

    /// Returns all identities.
    #[must_use]
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// Returns whether an identity is another one or derived from it (RFC 7950 §10.4.2).
    #[must_use]
    pub fn is_derived_or_self(&self, identity: IdentityId, base: IdentityId) -> bool {
        let mut seen = HashSet::new();
        let mut pending = vec![identity];
        while let Some(at) = pending.pop() {
            if at == base {
                return true;
            }
            pending.extend(self.identity(at).bases.iter().copied().filter(|next| seen.insert(*next)));
        }
        false
    }

    /// Returns the data children of that name below a data node, one for each module that has one.
    #[must_use]
    pub fn children_named(&self, parent: SchemaId, name: &str) -> &[SchemaId] {
        self.by_name.get(&parent).and_then(|names| names.get(name)).map_or(&[], Vec::as_slice)
    }

    /// Returns the data child that a name, qualified as `module:name` or not, stands for. Where several modules have a
    /// child of that name, the unqualified name is that of the parent's own module (RFC 7951 §4), and at the top level that of
    /// the module that was given first.
    #[must_use]
    pub fn child(&self, parent: SchemaId, name: &str) -> Option<SchemaId> {
        match name.split_once(':') {
            None => match self.children_named(parent, name) {
                [only] => Some(*only),
                several => {
                    let own = several.iter().copied().find(|id| !self.needs_qualification(*id));
                    // At the top level nobody is at home: there it is that of the first module.
                    own.or_else(|| several.first().copied().filter(|_| parent == SchemaId::ROOT))
                }
            },
            Some((module, local)) => self
                .children_named(parent, local)
                .iter()
                .copied()
                .find(|id| &*self.module(self.node(*id).module).name == module),
        }
    }

    /// Returns the data node at a path of unqualified names, such as `["facilities", "http", "client"]`.
    #[must_use]
    pub fn find<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<SchemaId> {
        names.into_iter().try_fold(SchemaId::ROOT, |at, name| self.child(at, name))
    }

    /// Returns the data nodes from the top level down to `id`, the root left out, `id` included.
    #[must_use]
    pub fn ancestry(&self, id: SchemaId) -> Vec<SchemaId> {
        let mut chain = Vec::new();
        let mut at = id;
        while at != SchemaId::ROOT {
            chain.push(at);
            at = self.node(at).data_parent;
        }
        chain.reverse();
        chain
    }

    /// Returns whether the name must carry its module: at the top level, and where it changes (RFC 7951 §4).
    #[must_use]
    pub fn needs_qualification(&self, id: SchemaId) -> bool {
        let node = self.node(id);
        node.data_parent == SchemaId::ROOT || self.node(node.data_parent).module != node.module
    }

    /// Returns `module:name`.
    #[must_use]
    pub fn qualified_name(&self, id: SchemaId) -> String {
        let node = self.node(id);
        format!("{}:{}", self.module(node.module).name, node.name)
    }
}

impl SchemaNode {
    /// Returns the argument of an extension statement, the empty text when it has none.
    #[must_use]
    pub fn extension(&self, module: &str, name: &str) -> Option<&str> {
        self.extensions
            .iter()
            .find(|e| &*e.module == module && &*e.name == name)
            .map(|e| e.argument.as_deref().unwrap_or(""))
    }

    /// Returns what only a list has.
    #[must_use]
    pub fn as_list(&self) -> Option<&ListSchema> {
        match &self.kind {
            NodeKind::List(list) => Some(list),
            _ => None,
        }
    }

    /// Returns what only a leaf has.
    #[must_use]
    pub fn as_leaf(&self) -> Option<&LeafSchema> {
        match &self.kind {
            NodeKind::Leaf(leaf) => Some(leaf),
            _ => None,
        }
    }

    /// Returns the type of a leaf or leaf-list.
    #[must_use]
    pub fn ty(&self) -> Option<&Arc<Type>> {
        match &self.kind {
            NodeKind::Leaf(leaf) => Some(&leaf.ty),
            NodeKind::LeafList(list) => Some(&list.ty),
            _ => None,
        }
    }

    /// Returns whether it is a leaf or leaf-list whose values are encrypted at rest.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        match &self.kind {
            NodeKind::Leaf(leaf) => leaf.secret,
            NodeKind::LeafList(list) => list.secret,
            _ => false,
        }
    }

    /// Returns whether it is a container whose mere existence says something (RFC 7950 §7.5.1).
    #[must_use]
    pub fn is_presence_container(&self) -> bool {
        matches!(&self.kind, NodeKind::Container { presence: Some(_) })
    }

    /// Returns whether it is a key leaf.
    #[must_use]
    pub fn is_key(&self) -> bool {
        self.as_leaf().is_some_and(|leaf| leaf.is_key)
    }

    /// Returns the first sentence of the description, for help.
    #[must_use]
    pub fn summary(&self) -> String {
        let text = self.description.as_deref().unwrap_or("");
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match flat.find(". ") {
            Some(end) => flat[..=end].to_owned(),
            None => flat,
        }
    }
}
