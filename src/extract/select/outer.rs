//! A part of a page as HTML again: what regular expressions in records read.
//!
//! Does not know what wrote the page: tags are as the tree has them, closed and in lower case.

use std::io::{self, ErrorKind};

use html5ever::serialize::{Serialize, SerializeOpts, Serializer, TraversalScope, serialize};
use html5ever::{LocalName, QualName, ns};

use super::dom::{Dom, Kind, NodeId};
use super::meter::{Exhausted, Meter};

/// The HTML of a node, its own tags included.
///
/// # Errors
/// The page has had its share.
pub(super) fn outer_html(dom: &Dom, meter: &Meter<'_>, id: NodeId) -> Result<String, Exhausted> {
    let options = SerializeOpts {
        scripting_enabled: false,
        traversal_scope: TraversalScope::IncludeNode,
        create_missing_parent: false,
    };
    let mut html = Vec::new();
    // Nothing but the meter can fail: memory takes all that is written.
    serialize(&mut html, &Part { dom, meter, id }, options).map_err(|_| Exhausted)?;
    Ok(String::from_utf8_lossy(&html).into_owned())
}

struct Part<'a, 'm> {
    dom: &'a Dom,
    meter: &'a Meter<'m>,
    id: NodeId,
}

impl Serialize for Part<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: &mut S, _scope: TraversalScope) -> io::Result<()> {
        let mut open: Vec<NodeId> = Vec::new();
        for id in self.id..self.dom.node(self.id).end {
            while let Some(element) = open.pop_if(|element| self.dom.node(*element).end <= id) {
                serializer.end_elem(self.name(element))?;
            }
            self.meter.step().map_err(|Exhausted| io::Error::from(ErrorKind::Interrupted))?;
            match self.dom.node(id).kind {
                Kind::Document => {}
                Kind::Text => serializer.write_text(self.text(id)?)?,
                Kind::Comment => serializer.write_comment(self.text(id)?)?,
                Kind::Element | Kind::Foreign => {
                    self.start(serializer, id)?;
                    open.push(id);
                }
            }
        }
        open.into_iter().rev().try_for_each(|element| serializer.end_elem(self.name(element)))
    }
}

impl Part<'_, '_> {
    fn name(&self, id: NodeId) -> QualName {
        let node = self.dom.node(id);
        // The writer knows HTML from the rest, and of the rest it need know no more.
        let namespace = if node.kind == Kind::Element { ns!(html) } else { ns!(svg) };
        QualName::new(None, namespace, node.name.clone())
    }

    fn start<S: Serializer>(&self, serializer: &mut S, id: NodeId) -> io::Result<()> {
        let plain = |name: &LocalName| QualName::new(None, ns!(), name.clone());
        let attributes = self.dom.attributes(id);
        let names: Vec<QualName> = attributes.iter().map(|attribute| plain(&attribute.name)).collect();
        let values = attributes.iter().map(|attribute| &*attribute.value);
        serializer.start_elem(self.name(id), names.iter().zip(values))
    }

    fn text(&self, id: NodeId) -> io::Result<&str> {
        self.meter.read(self.dom.text(id)).map_err(|Exhausted| io::Error::from(ErrorKind::Interrupted))
    }
}
