"""What an interrupted conversation has come to, read from its transcript: pure."""

from collections.abc import Iterable

from attrs import define, field, frozen

from .model import AssistantMessage, Message, ToolCall, ToolReply, UserMessage, is_empty
from .transcript import Again, Item, TreeMark


@frozen(kw_only=True)
class PastTurn:
    """What the model said, and the replies that count, in the order of ``calls_in_order``.

    ``left`` are the calls of whose end nothing is known; an answer that was accepted is one of
    them, as the conversation would be over if that had been recorded.
    """

    said: AssistantMessage
    replies: tuple[ToolReply, ...]
    left: tuple[ToolCall, ...] = ()


@frozen(kw_only=True)
class Past:
    """A conversation up to its last complete turn, and the turn that was cut off, if any.

    ``messages`` are all that count, those of the last turn included; ``tree`` is the last that was
    marked, ``first_tree`` the one it started from (null: none was, or it could not be kept).
    """

    messages: tuple[Message, ...]
    turns: tuple[PastTurn, ...]
    tree: str | None
    first_tree: str | None
    is_answered: bool  # something was said after the last turn, other than replies

    @property
    def idle_turns(self) -> int:
        """How many turns at the end had no tool call."""
        count = 0
        for turn in reversed(self.turns):
            if turn.said.tool_calls:
                break
            count += 1
        return count

    @property
    def messages_before_last(self) -> int:
        """How many messages the model got when it was last asked."""
        last = self.turns[-1].said
        place = next(n for n, each in enumerate(self.messages) if each is last)
        return sum(not is_empty(each) for each in self.messages[:place])


def calls_in_order(said: AssistantMessage, terminal: str) -> tuple[ToolCall, ...]:
    """The calls of a turn as they are carried out: those of the terminal tool last."""
    ordinary = (call for call in said.tool_calls if call.name != terminal)
    final = (call for call in said.tool_calls if call.name == terminal)
    return (*ordinary, *final)


def past_of(items: Iterable[Item], terminal: str) -> Past | None:
    """The past that a transcript tells of; null while the model has said nothing."""
    story = _Story(terminal=terminal)
    for item in items:
        story.take(item)
    if story.last is None:
        return None
    story.end_turn(is_last=True)
    return Past(
        messages=tuple(story.messages),
        turns=tuple(story.turns),
        tree=story.trees[-1] if story.trees else None,
        first_tree=story.trees[0] if story.trees else None,
        is_answered=isinstance(story.messages[-1], UserMessage),
    )


@define(kw_only=True)
class _Story:
    """A transcript as far as it was read."""

    terminal: str
    messages: list[Message] = field(factory=list)
    turns: list[PastTurn] = field(factory=list)
    trees: list[str | None] = field(factory=list)
    last: AssistantMessage | None = None
    replies: list[ToolReply] = field(factory=list)
    is_marked: bool = False  # since the last turn

    def take(self, item: Item) -> None:
        match item:
            case AssistantMessage():
                self.end_turn()
                self.messages.append(item)
                self.last, self.replies, self.is_marked = item, [], False
            case ToolReply():
                self.replies.append(item)
            case TreeMark():
                self.trees.append(item.tree)
                self.is_marked = True
            case Again():
                del self.replies[self._known() :]
            case UserMessage():
                self.end_turn()
                self.messages.append(item)

    def end_turn(self, *, is_last: bool = False) -> None:
        """What was said so far is a turn with its replies."""
        if self.last is None or (self.turns and self.turns[-1].said is self.last):
            return
        calls = calls_in_order(self.last, self.terminal)
        known = self._known() if is_last else len(self.replies)
        replies = tuple(self.replies[:known])
        self.messages.extend(replies)
        self.turns.append(PastTurn(said=self.last, replies=replies, left=calls[known:]))

    def _known(self) -> int:
        """How many replies of the last turn count, should it have been cut off here."""
        calls = () if self.last is None else self.last.tool_calls
        ordinary = sum(call.name != self.terminal for call in calls)
        if not self.is_marked and (self.trees or len(self.replies) < ordinary):
            return 0
        final = self.replies[ordinary:]
        return ordinary + next((n for n, each in enumerate(final) if not each.is_error), len(final))
