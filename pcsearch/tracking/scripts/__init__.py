"""W&B runs that programs keep by themselves: what their processes are told, and what they tell.

It must not start trials. Its folder `hook` runs in the programs' own Python, and must need no
package there but wandb.
"""
