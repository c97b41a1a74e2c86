"""Operations: loaders and their claims, windows of counts, pull cursors, tokens, audit."""
