module github.com/google/renameio
