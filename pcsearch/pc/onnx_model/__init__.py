"""A trained model as an ONNX file, which programs without torch and pcsearch can run.

``graph`` writes expressions down as nodes of ONNX, ``layers`` has the layers and the gradient of
the energy in these, ``inference`` the loop over the inference steps, ``document`` the whole file.

It must not know how a model is trained or loaded.
"""
