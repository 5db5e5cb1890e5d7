"""A real window as a screen reader and a keyboard meet it: found by its words, pressed, typed into, pictured."""

import itertools
import os
import subprocess
import time
from collections import namedtuple

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

# Longer than anything takes on a busy machine; what is waited for comes much sooner.
PATIENCE = 90.0
# Between two looks at what is waited for: a look at a whole screen costs the program work, too.
BETWEEN_LOOKS = 0.05
# What accessibility calls an alert, on its way to the desktop.
ALERT = "notification"
FIELDS = ("entry", "text", "password text")
PRESSED = ("push button", "button", "radio button", "check box", "link", "page tab", "table row", "list item")

# One thing on the screen: its role, its name, what stands in it, and the node itself.
Seen = namedtuple("Seen", "role name content node")


class Failure(Exception):
    """The program didn't do what was waited for."""


def plain(text):
    """With spaces as they are typed here: on the screen many don't break."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def until(so, what):
    """Waits for the first true answer and returns it. What moved while it was looked at is looked at once more."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        try:
            answer = so()
        except GLib.Error:
            answer = None
        if answer:
            return answer
        time.sleep(BETWEEN_LOOKS)
    raise Failure(f"not reached in {PATIENCE:.0f} s: {what}")


def nodes(of):
    """Everything below, itself first."""
    yield of
    for i in range(of.get_child_count()):
        child = of.get_child_at_index(i)
        if child is not None:
            yield from nodes(child)


def seen(node):
    """Of a label the words are what stands in it; of a field both matter."""
    role, name, content = node.get_role_name(), plain(node.get_name() or ""), ""
    if role in FIELDS or not name:
        try:
            content = plain(Atspi.Text.get_text(node, 0, -1) or "")
        except GLib.Error:
            pass  # Not every node has text.
    return Seen(role, name, content, node)


def xdo(*args):
    return subprocess.run(["xdotool", *args], check=True, capture_output=True, text=True).stdout


# Letters that a French keyboard has no key for: a dead one, then another.
DEAD = {"â": "a", "ê": "e", "î": "i", "ô": "o", "û": "u"}


def keys(text):
    """Types as on a French keyboard."""
    for deadly, part in itertools.groupby(text, DEAD.__contains__):
        if deadly:
            for letter in part:
                xdo("key", "--delay", "30", "dead_circumflex", DEAD[letter])
        else:
            xdo("type", "--delay", "8", "".join(part))


class Window:
    """The program in a process of its own."""

    all = []

    def __init__(self, out, app, data, *args, env):
        self.out = out
        self.name = os.path.basename(data)
        self.log = open(os.path.join(out, f"window-{self.name}.log"), "a")
        self.process = subprocess.Popen([app, "--data", data, *args], env=env, stdout=self.log, stderr=self.log)
        Window.all.append(self)

    def root(self):
        desktop = Atspi.get_desktop(0)
        for i in range(desktop.get_child_count()):
            app = desktop.get_child_at_index(i)
            if app is not None and app.get_process_id() == self.process.pid:
                return app
        return None

    def look(self):
        """Everything on the screen, in the order in which it is read out."""
        if self.process.poll() is not None:
            raise Failure(f"the window of {self.name} has gone by itself ({self.process.returncode})")
        root = self.root()
        return [seen(node) for node in nodes(root)] if root else []

    def told(self):
        """All that a screen reader would find, a line each."""
        return [f"{s.role}: {' = '.join(t for t in (s.name, s.content) if t)}" for s in self.look() if s.name or s.content]

    def shown(self, words, role=None):
        """Waits until these words are on the screen."""

        def there():
            fits = (s for s in self.look() if words in s.name or words in s.content)
            return next((s for s in fits if role in (None, s.role)), None)

        return until(there, f"{self.name} shows {words!r}" + (f" as {role}" if role else ""))

    def shows(self, words):
        """True iff these words are there now: to be asked once the screen is known to be drawn."""
        return any(words in s.name or words in s.content for s in self.look())

    def after(self, words):
        """What is read out right after these words."""

        def there():
            said = [t for s in self.look() for t in (s.name or s.content,) if t]
            at = next((i for i, t in enumerate(said) if t == words), None)
            return said[at + 1] if at is not None and at + 1 < len(said) else None

        return until(there, f"{self.name} says something after {words!r}")

    def pressable(self, fits):
        """Looks for what can be pressed, whenever it is called: a heading may say the same as the button under it."""

        def there():
            for s in self.look():
                if s.role in PRESSED and fits(s.name) and s.node.get_state_set().contains(Atspi.StateType.ENABLED):
                    return s
            return None

        return there

    def press(self, name):
        self._press(lambda said: said == name, name)

    def press_row(self, begins):
        """Presses the row whose sentence begins so."""
        self._press(lambda said: said.startswith(begins), begins)

    def _press(self, fits, name):
        there = self.pressable(fits)

        def pressed():
            found = there()
            return found and Atspi.Action.get_n_actions(found.node) and Atspi.Action.do_action(found.node, 0)

        until(pressed, f"{self.name}: {name!r} can be pressed")

    def choose(self, name):
        """Presses one of several, and waits until it is the chosen one."""
        self.press(name)
        self.chosen(name)

    def chosen(self, name):
        """Waits until this one of several is the chosen one."""
        there = self.pressable(lambda said: said == name)

        def so():
            found = there()
            states = found and found.node.get_state_set()
            return states and any(states.contains(s) for s in (Atspi.StateType.CHECKED, Atspi.StateType.SELECTED))

        until(so, f"{self.name}: {name!r} is chosen")

    def field(self, name):
        """The field whose name this is part of: what is wrong with what was typed is said behind it."""
        there = lambda: next((s for s in self.look() if s.role in FIELDS and name in s.name), None)  # noqa: E731
        return until(there, f"{self.name} has a field {name!r}")

    def fill(self, name, text):
        """Types behind what is there, on the keyboard, and waits until it stands there."""
        field = self._focus(name)
        before = len(field.content)
        xdo("key", "--clearmodifiers", "End")
        self._type(name, text, lambda content: len(content) >= before + len(text))

    def refill(self, name, text):
        """Types instead of what is there."""
        self._focus(name)
        xdo("key", "--clearmodifiers", "ctrl+a")
        self._type(name, text, lambda content: len(content) == len(text))

    def _focus(self, name):
        """A window has the keyboard, then a field in it: keys that come earlier would go elsewhere."""
        self.activate()
        field = self.field(name)
        Atspi.Component.grab_focus(field.node)
        focused = lambda: self.field(name).node.get_state_set().contains(Atspi.StateType.FOCUSED)  # noqa: E731
        until(focused, f"{self.name}: {name!r} has the keyboard")
        return field

    def _type(self, name, text, long_enough):
        keys(text)

        def typed():
            field = self.field(name)
            secret = field.role == "password text"
            return long_enough(field.content) and (secret or text in field.content)

        until(typed, f"{self.name}: {text!r} stands in {name!r}")

    def handle(self):
        """Its window in X."""
        found = lambda: subprocess.run(  # noqa: E731
            ["xdotool", "search", "--onlyvisible", "--pid", str(self.process.pid)], capture_output=True, text=True
        ).stdout.split()
        return until(found, f"{self.name} has a window")[-1]

    def activate(self):
        """Brings it before the others and gives it the keyboard."""
        handle = self.handle()
        active = subprocess.run(["xdotool", "getactivewindow"], capture_output=True, text=True).stdout.strip()
        if active != handle:
            xdo("windowactivate", "--sync", handle)

    def picture(self, path):
        """Taken as soon as the window stands still: twice the same, or a cursor blinks."""
        self.activate()
        take = lambda: subprocess.run(["import", "-window", self.handle(), "ppm:-"], check=True, capture_output=True).stdout  # noqa: E731
        before, now = None, take()
        for _ in range(6):
            if now == before:
                break
            before, now = now, take()
        subprocess.run(["convert", "ppm:-", path], input=now, check=True)

    def resident_mb(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))

    def ticks(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])

    def close(self):
        """As a person closes it, by the window manager's keys: the program ends by itself, and well."""
        self.activate()
        xdo("key", "--clearmodifiers", "alt+F4")
        if self.process.wait(30) != 0:
            raise Failure(f"the window of {self.name} ended with {self.process.returncode}")

    def kill(self):
        """As if the power had gone."""
        self.process.kill()
        self.process.wait()

    @classmethod
    def kill_all(cls):
        """Nothing of a test that failed is left running."""
        for window in cls.all:
            if window.process.poll() is None:
                window.kill()
