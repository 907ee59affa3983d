"""Pairs of sources that differ in one place: in what they do, or in nothing but how they are written."""

# ruff: noqa: E501 - sources, each on a line

from typing import NamedTuple


class Pair(NamedTuple):
    """A project whose ``main.stage`` is asked for its key, before and after an edit."""

    name: str
    differs: bool
    files: dict[str, str]
    old: str
    new: str


PAIRS = [
    Pair(
        "a module that a helper imports",
        True,
        {
            "main.py": "import pk\ndef stage(x):\n load()\n return pk.sub.f()\ndef load():\n import pk.sub\n",
            "pk/__init__.py": "",
            "pk/sub.py": "def f():\n return 2\n",
        },
        "return 2",
        "return 3",
    ),
    Pair(
        "global stored in helper",
        True,
        {"main.py": "A=0\nB=0\ndef setter():\n global A\n A=5\ndef stage(x):\n setter()\n return A\n"},
        "global A\n A=5",
        "global B\n B=5",
    ),
    Pair(
        "mutable globals aliased",
        True,
        {"main.py": "A=[]\nB=[]\ndef add(x):\n A.append(x)\ndef stage(x):\n add(x)\n return len(A)\n"},
        "A.append",
        "B.append",
    ),
    Pair(
        "class body in function",
        True,
        {"main.py": "def stage(x):\n class C:\n  a=1\n  b=2\n  c=a\n return C.c\n"},
        "c=a",
        "c=b",
    ),
    Pair("class doc", True, {"main.py": 'class C:\n "one"\ndef stage(x):\n return C.__doc__\n'}, '"one"', '"two"'),
    Pair(
        "field.type",
        True,
        {
            "main.py": 'import dataclasses\n@dataclasses.dataclass\nclass C:\n x: int = 1\ndef stage(x):\n return [f.type("3") for f in dataclasses.fields(C)]\n'
        },
        "x: int",
        "x: float",
    ),
    Pair(
        "class __annotations__",
        True,
        {"main.py": 'class C:\n x: int = 1\ndef stage(x):\n return C.__annotations__["x"]("3")\n'},
        "x: int",
        "x: float",
    ),
    Pair(
        "get_type_hints(class)",
        True,
        {
            "main.py": 'import typing\nclass C:\n x: int = 1\ndef stage(x):\n return typing.get_type_hints(C)["x"]("3")\n'
        },
        "x: int",
        "x: float",
    ),
    Pair(
        "ClassVar dataclass",
        True,
        {
            "main.py": "from dataclasses import dataclass\nfrom typing import ClassVar\n@dataclass\nclass C:\n x: int = 1\n y: int = 2\ndef stage(x):\n return C(5)\n"
        },
        "x: int",
        "x: ClassVar[int]",
    ),
    Pair(
        "InitVar dataclass",
        True,
        {
            "main.py": "from dataclasses import dataclass,InitVar\n@dataclass\nclass C:\n x: int = 1\ndef stage(x):\n return vars(C(5))\n"
        },
        "x: int",
        "x: InitVar[int]",
    ),
    Pair(
        "from pkg import unimported",
        True,
        {
            "main.py": "def stage(x):\n from pkg import deep\n return deep.f(x)\n",
            "pkg/__init__.py": "",
            "pkg/deep.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "import in outer used in genexp",
        True,
        {
            "main.py": "def stage(x):\n import lazy\n return sum(lazy.f(i) for i in [x])\n",
            "lazy.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "import in outer used in listcomp",
        True,
        {
            "main.py": "def stage(x):\n import lazy\n return [lazy.f(i) for i in [x]]\n",
            "lazy.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "import in outer used in lambda",
        True,
        {
            "main.py": "def stage(x):\n import lazy\n g=lambda y: lazy.f(y)\n return g(x)\n",
            "lazy.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "try import fast except slow",
        True,
        {
            "main.py": "def stage(x):\n try:\n  import fast as impl\n except ImportError:\n  import slow as impl\n return impl.f(x)\n",
            "fast.py": "def f(x): return x+1\n",
            "slow.py": "def f(x): return x\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "import a.b.c",
        True,
        {
            "main.py": "def stage(x):\n import a.b.c\n return a.b.c.f(x)\n",
            "a/__init__.py": "",
            "a/b/__init__.py": "",
            "a/b/c.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "import a.b.c as d",
        True,
        {
            "main.py": "def stage(x):\n import a.b.c as d\n return d.f(x)\n",
            "a/__init__.py": "",
            "a/b/__init__.py": "",
            "a/b/c.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "from . import x in pkg",
        True,
        {
            "main.py": "from pkg.m import stage\n",
            "pkg/__init__.py": "",
            "pkg/m.py": "def stage(x):\n from . import deep\n return deep.f(x)\n",
            "pkg/deep.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "from .deep import f in pkg",
        True,
        {
            "main.py": "from pkg.m import stage\n",
            "pkg/__init__.py": "",
            "pkg/m.py": "def stage(x):\n from .deep import f\n return f(x)\n",
            "pkg/deep.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "from .. import x",
        True,
        {
            "main.py": "from pkg.s.m import stage\n",
            "pkg/__init__.py": "",
            "pkg/s/__init__.py": "",
            "pkg/s/m.py": "def stage(x):\n from ..deep import f\n return f(x)\n",
            "pkg/deep.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "module-level import a.b.c",
        True,
        {
            "main.py": "import a.b.c\ndef stage(x):\n return a.b.c.f(x)\n",
            "a/__init__.py": "",
            "a/b/__init__.py": "",
            "a/b/c.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "import in class body in function",
        True,
        {
            "main.py": "def stage(x):\n class C:\n  import lazy\n  y = lazy.f(3)\n return C.y\n",
            "lazy.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "callable instance w/ update_wrapper",
        True,
        {
            "main.py": "import functools\nclass Times:\n def __init__(self,f,n):\n  functools.update_wrapper(self,f); self.n=n\n def __call__(self,x): return self.__wrapped__(x)*self.n\ndef g(x): return x\nh=Times(g,3)\ndef stage(x): return h(x)\n"
        },
        "Times(g,3)",
        "Times(g,4)",
    ),
    Pair(
        "partial w/ update_wrapper",
        True,
        {
            "main.py": "import functools\ndef g(x,y): return x*y\nh=functools.update_wrapper(functools.partial(g,3),g)\ndef stage(x): return h(x)\n"
        },
        "g,3)",
        "g,4)",
    ),
    Pair(
        "method-wrapper",
        True,
        {"main.py": "isv='aeiou'.__contains__\ndef stage(x): return [isv(c) for c in 'aeiouy']\n"},
        "aeiou'.",
        "aeiouy'.",
    ),
    Pair(
        "__match_args__",
        True,
        {
            "main.py": "class P:\n __match_args__=('a','b')\n def __init__(self): self.a=1;self.b=2\ndef stage(x):\n match P():\n  case P(a,b): return a,b\n"
        },
        "('a','b')",
        "('b','a')",
    ),
    Pair(
        "__orig_bases__",
        True,
        {
            "main.py": "from typing import *\nT=TypeVar('T')\nclass A:\n v=1\nclass B:\n v=2\nclass R(Generic[T]):\n def g(self): return get_args(type(self).__orig_bases__[0])[0].v\nclass U(R[A]): pass\ndef stage(x): return U().g()\n"
        },
        "R[A]",
        "R[B]",
    ),
    Pair(
        "enum _missing_",
        True,
        {
            "main.py": "from enum import Enum\nclass E(Enum):\n A=1\n @classmethod\n def _missing_(cls,v): return cls.A\ndef stage(x): return E(x)\n"
        },
        "return cls.A",
        "return None",
    ),
    Pair(
        "enum __new__ label",
        True,
        {
            "main.py": "from enum import Enum\nclass E(Enum):\n A=1,'r'\n def __new__(cls,v,l):\n  o=object.__new__(cls); o._value_=v; o.label=l; return o\ndef stage(x): return E.A.label\n"
        },
        "'r'",
        "'q'",
    ),
    Pair(
        "flag boundary",
        True,
        {
            "main.py": "from enum import Flag,KEEP,STRICT\nclass E(Flag,boundary=STRICT):\n A=1\n B=2\ndef stage(x): return E(8|1)\n"
        },
        "boundary=STRICT",
        "boundary=KEEP",
    ),
    Pair(
        "enum order",
        True,
        {"main.py": "from enum import Enum\nclass E(Enum):\n A=1\n B=2\ndef stage(x): return list(E)\n"},
        " A=1\n B=2",
        " B=2\n A=1",
    ),
    Pair(
        "lazyproperty subclass",
        True,
        {
            "main.py": "class lp(property):\n def __get__(self,o,t): return 2\nclass C:\n @lp\n def a(self): return 1\ndef stage(x): return C().a\n"
        },
        "return 2",
        "return 3",
    ),
    Pair(
        "annotated plain class attr",
        False,
        {"main.py": "class C:\n a=1\ndef stage(x): return C.a\n"},
        " a=1",
        " a: int=1",
    ),
    Pair("inner name", True, {"main.py": "def stage(x):\n def aa(): pass\n return aa.__name__\n"}, "aa", "bb"),
    Pair(
        "class __module__/name renamed",
        False,
        {"main.py": "class Aa: pass\ndef stage(x): return Aa.a if 0 else 1\n"},
        "Aa",
        "Bb",
    ),
    Pair(
        "conditional annotation",
        True,
        {"main.py": "def stage(x):\n def inner(y=x*2) -> (int if x else float): return y\n return inner()\n"},
        "x*2",
        "x*3",
    ),
    Pair(
        "conditional annotation param",
        True,
        {
            "main.py": "def stage(x):\n def inner(y:(int if x else str)=x*2,*,z=x*5) -> (int if x else float): return y\n return inner()\n"
        },
        "x*2",
        "x*3",
    ),
    Pair(
        "conditional annotation before",
        True,
        {"main.py": "def stage(x):\n w=x*2\n def inner(y:(int if x else str)): return y\n return w\n"},
        "x*2",
        "x*3",
    ),
    Pair(
        "lambda closure in annotation",
        True,
        {"main.py": "def stage(x):\n w=x*2\n def inner(y:(lambda: x)): return y\n return w\n"},
        "x*2",
        "x*3",
    ),
    Pair(
        "named global default in annotation",
        True,
        {
            "main.py": "def stage(x):\n @deco(x*2)\n def inner(y:int=3)->'int': return y\n return inner(1)\ndef deco(n): return lambda f: lambda y: f(y)+n\n"
        },
        "x*2",
        "x*3",
    ),
    Pair(
        "monkeypatch package",
        True,
        {"main.py": "import math\nmath.sqrt=lambda x: 5\ndef stage(x): return math.sqrt(x)\n"},
        "x: 5",
        "x: 6",
    ),
    Pair(
        "monkeypatch package plain",
        True,
        {"main.py": "import json\njson.dumps=lambda x: 5\ndef stage(x): return json.dumps(x)\n"},
        "x: 5",
        "x: 6",
    ),
    Pair(
        "except* etc",
        True,
        {
            "main.py": "def stage(x):\n try:\n  raise ExceptionGroup('a',[ValueError()])\n except* ValueError: return_=1\n return return_\n"
        },
        "return_=1",
        "return_=2",
    ),
    Pair(
        "superclass via super() in mixin",
        True,
        {
            "main.py": "class A:\n def f(s): return 1\nclass B(A):\n def f(s): return super().f()\ndef stage(x): return B().f()\n"
        },
        "return 1",
        "return 2",
    ),
    Pair(
        "nonlocal vs local",
        True,
        {"main.py": "def stage(x):\n y=1\n def g():\n  nonlocal y\n  y=2\n g()\n return y\n"},
        "  nonlocal y\n",
        "",
    ),
    Pair(
        "swap captured",
        True,
        {"main.py": "def stage(x):\n a=x;b=x+1\n def g(): return a-b\n return g()\n"},
        "a-b",
        "b-a",
    ),
    Pair(
        "swap captured names",
        True,
        {"main.py": "def stage(x):\n a=x;b=x+1\n def g(): return a-b\n def h(): return a\n return g()+h()\n"},
        "return a\n",
        "return b\n",
    ),
    Pair(
        "swap defaults",
        True,
        {"main.py": "def stage(x):\n a=x;b=x+1\n def g(p=a,q=b): return p-q\n return g()\n"},
        "p=a,q=b",
        "p=b,q=a",
    ),
    Pair(
        "class scope capture",
        True,
        {"main.py": "def stage(x):\n a=x\n class C:\n  a=7\n  def f(s): return a\n  b=a\n return C().b\n"},
        "b=a",
        "b=x",
    ),
    Pair(
        "lambda vs def same",
        False,
        {"main.py": "def stage(x):\n g=lambda y: y+1\n return g(x)\n"},
        "g=lambda y: y+1",
        "def g(y): return y+1",
    ),
    Pair(
        "except as name reuse",
        False,
        {"main.py": "def stage(x):\n try: 1/0\n except ZeroDivisionError as e: r=str(e)\n return r\n"},
        " as e: r=str(e)",
        " as err: r=str(err)",
    ),
    Pair("walrus in comp", True, {"main.py": "def stage(x): return [y for i in range(x) if (y:=i*2)>1]\n"}, ">1", ">2"),
    Pair(
        "finally return",
        True,
        {"main.py": "def stage(x):\n for i in range(3):\n  try:\n   if i: continue\n  finally:\n   x+=1\n return x\n"},
        "continue",
        "break",
    ),
    Pair(
        "with suppress",
        True,
        {
            "main.py": "import contextlib\ndef stage(x):\n with contextlib.suppress(ValueError):\n  x+=1\n  int('a')\n  x+=1\n return x\n"
        },
        "  int('a')\n  x+=1",
        "  x+=1\n  int('a')",
    ),
    Pair(
        "while else",
        True,
        {"main.py": "def stage(x):\n while x:\n  x-=1\n  if x==1: break\n else:\n  return 5\n return 6\n"},
        "if x==1: break",
        "if x==1: continue",
    ),
    Pair(
        "handler order",
        True,
        {"main.py": "def stage(x):\n try: [][1]\n except LookupError: return 1\n except IndexError: return 2\n"},
        "LookupError: return 1\n except IndexError: return 2",
        "IndexError: return 2\n except LookupError: return 1",
    ),
    Pair(
        "try extent",
        True,
        {"main.py": "def stage(x):\n try:\n  x+=1\n  y=int('a')\n except ValueError: pass\n return x\n"},
        "  x+=1\n  y=int('a')\n",
        "  y=int('a')\n  x+=1\n",
    ),
    Pair(
        "try extent 2",
        True,
        {
            "main.py": "def f(x): raise ValueError\ndef stage(x):\n f2=f\n try:\n  g=f2\n except ValueError: return 1\n g(x)\n"
        },
        "  g=f2\n except ValueError: return 1\n g(x)",
        "  g=f2\n  g(x)\n except ValueError: return 1\n",
    ),
    Pair("del", True, {"main.py": "def stage(x):\n a=b=[1]\n del a\n return b\n"}, "del a", "del a[0]"),
    Pair("fstring nested", True, {"main.py": "def stage(x): return f'{x:{x+3}d}|{x=}'\n"}, "x+3", "x+4"),
    Pair("-0.0", True, {"main.py": "def stage(x): return str(0.0)\n"}, "0.0", "-0.0"),
    Pair("True vs 1 const", True, {"main.py": "def stage(x): return 1\n"}, "return 1", "return True"),
    Pair("nan", True, {"main.py": "def stage(x): return (0.0, 0j)\n"}, "0j", "-0j"),
    Pair("const tuple types", True, {"main.py": "def stage(x): return (1,2)\n"}, "(1,2)", "(1,2.0)"),
    Pair("in tuple/list", False, {"main.py": "def stage(x): return x in [1,3]\n"}, "[1,3]", "(1,3)"),
    Pair(
        "long str",
        True,
        {"main.py": "def stage(x): return 'a\\ud800'.encode('utf8','surrogatepass')\n"},
        "ud800",
        "ud801",
    ),
    Pair(
        "self attr counter class",
        True,
        {"main.py": "class A:\n n=0\n def __init__(s): A.n+=1\ndef stage(x):\n A(); return A.n\n"},
        "A.n+=1",
        "A.n+=2",
    ),
    Pair(
        "setattr on class from helper",
        True,
        {"main.py": "class A: n=0\nclass B: n=0\ndef h(): A.n=5\ndef stage(x): h(); return A.n\n"},
        "A.n=5",
        "B.n=5",
    ),
    Pair(
        "two identical classes swapped",
        True,
        {"main.py": "class A: n=0\nclass B: n=0\ndef h(): return A\ndef stage(x): return h() is A\n"},
        "return A\n",
        "return B\n",
    ),
    Pair(
        "two identical functions swapped",
        True,
        {"main.py": "def a():0\ndef b():0\ndef h(): return a\ndef stage(x): return h() is a\n"},
        "return a\n",
        "return b\n",
    ),
    Pair(
        "two sentinels",
        True,
        {"main.py": "class S: pass\nA=S()\nB=S()\ndef h(): return A\ndef stage(x): return h() is A\n"},
        "return A\n",
        "return B\n",
    ),
    Pair(
        "instances aliased",
        True,
        {"main.py": "class S:\n n=0\nA=S()\nB=S()\ndef h(): A.n=4\ndef stage(x): h(); return A.n\n"},
        "A.n=4",
        "B.n=4",
    ),
    Pair(
        "default list shared",
        True,
        {"main.py": "L=[]\ndef h(x,a=L): a.append(x)\ndef stage(x): h(x); return len(L)\n"},
        "a=L",
        "a=[]",
    ),
    Pair(
        "closure cell shared",
        True,
        {
            "main.py": "def mk():\n n=0\n def inc():\n  nonlocal n\n  n+=1\n def get(): return n\n return inc,get\ninc,get=mk()\ndef stage(x): inc(); return get()\n"
        },
        "inc,get=mk()",
        "inc,_=mk()\n_,get=mk()",
    ),
    Pair(
        "obj in registry shared",
        True,
        {"main.py": "R={}\nQ=R\ndef reg(k): R[k]=1\ndef stage(x): reg(x); return len(Q)\n"},
        "Q=R",
        "Q={}",
    ),
    Pair(
        "module state via attribute",
        True,
        {"main.py": "import st\ndef h(): st.A=4\ndef stage(x): h(); return st.A\n", "st.py": "A=0\nB=0\n"},
        "st.A=4",
        "st.B=4",
    ),
    Pair(
        "Union global",
        True,
        {"main.py": "from typing import *\nU=Optional[int]\ndef stage(x): return isinstance(x,get_args(U))\n"},
        "[int]",
        "[str]",
    ),
    Pair("inner doc asked", True, {"main.py": "def stage(x):\n def f(): 'one'\n return f.__doc__\n"}, "'one'", "'two'"),
    Pair(
        "inner annotations asked",
        True,
        {"main.py": "def stage(x):\n def f(a:int): 0\n return f.__annotations__\n"},
        "a:int",
        "a:str",
    ),
    Pair(
        "inner signature asked",
        True,
        {"main.py": "import inspect\ndef stage(x):\n def f(a:int): 0\n return str(inspect.signature(f))\n"},
        "a:int",
        "a:str",
    ),
    Pair(
        "lambda in class default factory",
        True,
        {
            "main.py": "from dataclasses import *\n@dataclass\nclass C:\n a:list=field(default_factory=lambda:[1])\ndef stage(x): return C()\n"
        },
        "[1]",
        "[2]",
    ),
    Pair(
        "dataclass user __init__",
        True,
        {
            "main.py": "from dataclasses import *\n@dataclass(init=False)\nclass C:\n a:int=1\n def __init__(s): s.a=4\ndef stage(x): return C()\n"
        },
        "s.a=4",
        "s.a=5",
    ),
    Pair(
        "dataclass inherited",
        True,
        {
            "main.py": "from dataclasses import *\n@dataclass\nclass B:\n a:int=1\n@dataclass\nclass C(B):\n b:int=2\ndef stage(x): return C()\n"
        },
        "a:int=1",
        "a:int=3",
    ),
    Pair(
        "make_dataclass",
        True,
        {"main.py": "from dataclasses import *\nC=make_dataclass('C',[('a',int,3)])\ndef stage(x): return C()\n"},
        ",3)",
        ",4)",
    ),
    Pair(
        "class decorator",
        True,
        {"main.py": "def d(c):\n c.z=1\n return c\n@d\nclass C: pass\ndef stage(x): return C.z\n"},
        "z=1",
        "z=2",
    ),
    Pair(
        "user __wrapped__ class attr",
        True,
        {
            "main.py": "class C:\n __wrapped__=len\n n=1\n def __call__(s): return s.n\nc=C()\nc.n=4\ndef stage(x): return c()\n"
        },
        "c.n=4",
        "c.n=5",
    ),
    Pair(
        "type hints everyday: local annotated",
        False,
        {"main.py": "def stage(x):\n y=x\n return y\n"},
        "y=x",
        "y: int=x",
    ),
    Pair(
        "else after return",
        False,
        {"main.py": "def stage(x):\n if x: return 1\n return 2\n"},
        "if x: return 1\n return 2",
        "if x: return 1\n else: return 2",
    ),
    Pair(
        "if TYPE_CHECKING added",
        False,
        {"main.py": "def stage(x): return x\n"},
        "def stage",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING: import os\ndef stage",
    ),
    Pair(
        "comment between decorators",
        False,
        {"main.py": "import functools\ndef d(f): return f\n@d\ndef g(x): return x\ndef stage(x): return g(x)\n"},
        "@d",
        "# c\n@d",
    ),
    Pair(
        "assert msg multi-line",
        False,
        {"main.py": "def stage(x):\n assert x>0, 'a'\n return x\n"},
        "x>0, 'a'",
        "(x>\n 0), (\n 'a')",
    ),
    Pair("f-string split", False, {"main.py": "def stage(x): return f'a{x}b'\n"}, "f'a{x}b'", "f'a{x}' 'b'"),
    Pair(
        "unused parameter annotation on method",
        False,
        {"main.py": "class A:\n def m(s,y): return y\ndef stage(x): return A().m(x)\n"},
        "s,y",
        "s,y: int",
    ),
    Pair(
        "unused global in module",
        False,
        {"main.py": "import logging\nlog=logging.getLogger(__name__)\ndef stage(x): return x\n"},
        "log=",
        "LOG=",
    ),
    Pair(
        "keyword names",
        True,
        {"main.py": "def g(a=1,b=2): return a,b\ndef stage(x): return g(a=x)\n"},
        "g(a=x)",
        "g(b=x)",
    ),
    Pair(
        "keyword names ab swapped",
        True,
        {"main.py": "def g(a=1,b=2): return a,b\ndef stage(x): return g(a=x,b=x+1)\n"},
        "g(a=x,b=x+1)",
        "g(b=x,a=x+1)",
    ),
    Pair("dict()", True, {"main.py": "def stage(x): return dict(a=x)\n"}, "a=x", "b=x"),
    Pair("sorted reverse", True, {"main.py": "def stage(x): return max([3,1],default=x)\n"}, "default=x", "key=x"),
    Pair(
        "import_module of a name in the code",
        True,
        {
            "main.py": "import importlib\ndef stage(x):\n return importlib.import_module('plug').f(x)\n",
            "plug.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "import_module imported by itself",
        True,
        {
            "main.py": "from importlib import import_module\ndef stage(x):\n return import_module('plug').f(x)\n",
            "plug.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "import_module of a relative name",
        True,
        {
            "main.py": "from pkg.a import stage\n",
            "pkg/__init__.py": "",
            "pkg/a.py": "import importlib\ndef stage(x):\n return importlib.import_module('.plug', __package__).f(x)\n",
            "pkg/plug.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "import_module of a name in another package",
        True,
        {
            "main.py": "import importlib\ndef stage(x):\n return importlib.import_module('.plug', 'pkg').f(x)\n",
            "pkg/__init__.py": "",
            "pkg/plug.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "import_module of a loaded module that a global names",
        True,
        {
            "main.py": "import importlib, plug\nN='plug'\ndef stage(x):\n return importlib.import_module(N).f(x)\n",
            "plug.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "__import__ of a name in the code",
        True,
        {
            "main.py": "def stage(x):\n return __import__('pkg.plug').plug.f(x)\n",
            "pkg/__init__.py": "",
            "pkg/plug.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "globals() by name",
        True,
        {"main.py": "def a(x): return x+1\ndef stage(x):\n return globals()['a'](x)\n"},
        "x+1",
        "x+2",
    ),
    Pair(
        "globals() in a helper elsewhere",
        True,
        {
            "main.py": "import tools\ndef stage(x):\n return tools.pick('a')(x)\n",
            "tools.py": "def a(x): return x+1\ndef pick(n): return globals()[n]\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "sys.modules of its own name",
        True,
        {
            "main.py": "import sys\ndef a(x): return x+1\ndef stage(x):\n return getattr(sys.modules[__name__], 'a')(x)\n"
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "sys.modules of another name",
        True,
        {
            "main.py": "import sys, plug\ndef stage(x):\n return sys.modules['plug'].f(x)\n",
            "plug.py": "def f(x): return x+1\n",
        },
        "x+1",
        "x+2",
    ),
    Pair(
        "getattr of a module",
        True,
        {"main.py": "import plug\ndef stage(x):\n return getattr(plug, x)(1)\n", "plug.py": "def f(x): return x+1\n"},
        "x+1",
        "x+2",
    ),
    Pair(
        "a module's __version__ by getattr",
        True,
        {"main.py": "import plug\ndef stage(x): return getattr(plug, x)\n", "plug.py": "__version__='1'\n"},
        "'1'",
        "'2'",
    ),
    Pair(
        "a module's __getattr__",
        True,
        {"main.py": "import lazy\ndef stage(x): return lazy.limit\n", "lazy.py": "def __getattr__(name):\n return 3\n"},
        "return 3",
        "return 4",
    ),
    Pair(
        "an expression in a global",
        True,
        {"main.py": "E='a(x)'\ndef a(x): return x+1\ndef stage(x): return eval(E)\n"},
        "x+1",
        "x+2",
    ),
    Pair(
        "a package's function replaced by an object",
        True,
        {
            "main.py": "import json, patch\ndef stage(x): return json.dumps(x)\n",
            "patch.py": "import json\nclass D:\n def __call__(self, x): return 1\njson.dumps=D()\n",
        },
        "return 1",
        "return 2",
    ),
    Pair(
        "a package's function replaced by a method",
        True,
        {
            "main.py": "import json, patch\ndef stage(x): return json.dumps(x)\n",
            "patch.py": "import json\nclass D:\n def f(self, x): return 1\njson.dumps=D().f\n",
        },
        "return 1",
        "return 2",
    ),
    Pair(
        "a package's function replaced, imported inside",
        True,
        {
            "main.py": "import patch\ndef stage(x):\n from json import dumps\n return dumps(x)\n",
            "patch.py": "import json\ndef g(x): return 1\njson.dumps=g\n",
        },
        "return 1",
        "return 2",
    ),
    Pair(
        "a package's class replaced",
        True,
        {
            "main.py": "import json, patch\ndef stage(x): return json.JSONDecoder().f()\n",
            "patch.py": "import json\nclass D:\n def f(self): return 1\njson.JSONDecoder=D\n",
        },
        "return 1",
        "return 2",
    ),
    Pair(
        "a function of a package's module replaced",
        True,
        {
            "main.py": "import os, patch\ndef stage(x): return os.path.commonpath(x)\n",
            "patch.py": "import os.path\ndef g(x): return x+'1'\nos.path.commonpath=g\n",
        },
        "'1'",
        "'2'",
    ),
    Pair(
        "a package's constant set",
        True,
        {"main.py": "import math, patch\ndef stage(x): return math.tau*x\n", "patch.py": "import math\nmath.tau=6\n"},
        "tau=6",
        "tau=7",
    ),
    Pair(
        "a variable of the environment",
        True,
        {
            "main.py": "import os, conf\ndef stage(x): return os.environ['MODE']\n",
            "conf.py": "import os\nos.environ['MODE']='a'\n",
        },
        "='a'",
        "='b'",
    ),
    Pair(
        "a variable of the environment by a helper",
        True,
        {
            "main.py": "import os, conf\ndef env(name): return os.getenv(name)\ndef stage(x): return env('MODE')\n",
            "conf.py": "import os\nos.environ['MODE']='a'\n",
        },
        "='a'",
        "='b'",
    ),
    Pair(
        "a variable of the environment, imported by itself",
        True,
        {
            "main.py": "from os import environ as e\nimport conf\ndef stage(x): return e.get('MODE')\n",
            "conf.py": "import os\nos.environ['MODE']='a'\n",
        },
        "='a'",
        "='b'",
    ),
    Pair(
        "a variable of the environment that nobody asks for",
        False,
        {
            "main.py": "import os, conf\ndef stage(x): return os.environ.get('OTHER')\n",
            "conf.py": "import os\nos.environ['MODE']='a'\n",
        },
        "='a'",
        "='b'",
    ),
    Pair(
        "a secret of the environment",
        False,
        {
            "main.py": "import os, conf\ndef stage(x): return len(os.environ['API_TOKEN'])\n",
            "conf.py": "import os\nos.environ['API_TOKEN']='a'\n",
        },
        "='a'",
        "='b'",
    ),
    Pair(
        "a comment that getsource shows",
        True,
        {"main.py": "import inspect\ndef g(): return 1 # one\ndef stage(x): return inspect.getsource(g)\n"},
        "# one",
        "# two",
    ),
    Pair(
        "a comment that a traceback shows",
        True,
        {
            "main.py": "import traceback\ndef g(): raise ValueError # one\ndef stage(x):\n try: g()\n except ValueError: return traceback.format_exc()\n"
        },
        "# one",
        "# two",
    ),
    Pair(
        "a property in a list",
        True,
        {"main.py": "L=[property(lambda s: 1)]\ndef stage(x): return L[0].fget(0)\n"},
        "s: 1",
        "s: 2",
    ),
    Pair(
        "a class method in a table",
        True,
        {"main.py": "T={'a': classmethod(lambda s: 1)}\ndef stage(x): return T['a'].__func__(0)\n"},
        "s: 1",
        "s: 2",
    ),
    Pair(
        "an object that is found by its name",
        True,
        {
            "main.py": "class C:\n def __init__(self, n): self.n=n\n def __reduce__(self): return 'ONE'\nONE=C(3)\ndef stage(x): return ONE.n\n"
        },
        "C(3)",
        "C(4)",
    ),
    Pair(
        "a type of one's own",
        True,
        {
            "main.py": "import typing\nclass B(int): n=1\nN=typing.NewType('N', B)\ndef stage(x): return N.__supertype__.n\n"
        },
        "n=1",
        "n=2",
    ),
    Pair(
        "a condition turned round",
        True,
        {"main.py": "def stage(x):\n if x: return 1\n return 2\n"},
        "if x",
        "if not x",
    ),
    Pair(
        "a condition turned round, with its branches",
        False,
        {"main.py": "def stage(x):\n if x: y = 1\n else: y = 2\n return y\n"},
        "if x: y = 1\n else: y = 2",
        "if not x: y = 2\n else: y = 1",
    ),
    Pair(
        "is None turned round",
        True,
        {"main.py": "def stage(x):\n return 1 if x is None else 2\n"},
        "x is None",
        "x is not None",
    ),
    Pair(
        "the condition of a loop turned round",
        True,
        {"main.py": "def stage(x):\n while x:\n  x = x[1:]\n return x\n"},
        "while x",
        "while not x",
    ),
    Pair(
        "a filter turned round",
        True,
        {"main.py": "def stage(x):\n return [y for y in x if y]\n"},
        "if y",
        "if not y",
    ),
    Pair(
        "and in place of or",
        True,
        {"main.py": "def stage(x):\n if x[0] and x[1]: return 1\n return 2\n"},
        "and",
        "or",
    ),
    Pair(
        "a filter on a line of its own",
        False,
        {"main.py": "def stage(x):\n return [y for y in x if y.a is B]\nB = 1\n"},
        " if y",
        "\n  if y",
    ),
    Pair(
        "conditions on lines of their own",
        False,
        {"main.py": "def stage(x):\n for y in x:\n  if (y > 1 and y < 7 or y == 9): print(y)\n"},
        " and y < 7 or y",
        "\n  and y < 7\n  or y",
    ),
    Pair(
        "a condition turned round, where a string names the same globals",
        True,
        {
            "main.py": "A=1\nB=10\nclass D:\n def query(self, s): return s\ndef stage(x):\n D().query('a > @A and a < @B')\n if x: return A\n return B\n"
        },
        "if x",
        "if not x",
    ),
    Pair(
        "is None turned round, where a string names the same globals",
        True,
        {
            "main.py": "A=1\nB=10\nclass D:\n def query(self, s): return s\ndef stage(x):\n D().query('@A @B')\n return A if x is None else B\n"
        },
        "is None",
        "is not None",
    ),
    Pair(
        "globals of a lambda that a string named before",
        True,
        {
            "main.py": "A=10\nB=3\nclass D:\n def query(self, s): return s\ndef stage(x):\n D().query('a > @A or b > @B')\n return (lambda: A - B)()\n"
        },
        "A - B",
        "B - A",
    ),
    Pair(
        "a condition turned round, where locals are found by name",
        True,
        {"main.py": "def stage(x):\n if x: a = 1\n else: b = 1\n return sorted(locals())\n"},
        "if x",
        "if not x",
    ),
    Pair(
        "a condition turned round between imports, where locals are found by name",
        True,
        {
            "main.py": "def stage(x):\n if x:\n  import os.path as a\n else:\n  import os.path as b\n return sorted(locals())\n"
        },
        "if x",
        "if not x",
    ),
    Pair(
        "a local of an inner function that finds it by name",
        True,
        {"main.py": "def stage(x):\n a = 1\n b = 2\n def g():\n  if x: a\n  else: b\n  return locals()\n return g()\n"},
        "if x: a\n  else: b",
        "if x: b\n  else: a",
    ),
]
