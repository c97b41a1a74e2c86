"""Identity keys of a canonical lead; defined in the model, since the mapping names them too."""

from hub.model.keys import HASHED_MOBILE, identity_keys

__all__ = ["HASHED_MOBILE", "identity_keys"]
